/** A thread that sends and fetches large blocks over the bridge, and says how many bytes passed. */
import { parentPort } from 'node:worker_threads';
import { Batch } from '../../../src/rpc/bridge/batch.ts';
import type { ToNode, ToSurface } from '../../../src/rpc/bridge/messages.ts';
import { BridgeClient } from '../../../src/rpc/bridge/remote-node.ts';

const mebibyte = 1024 * 1024;
const port = parentPort;
if (port === null) throw new Error('this file runs as a thread');
const { node, ...client } = ((made) => ({ node: made.node, handle: (message: ToSurface) => made.handle(message as never) }))(
  new BridgeClient(new Batch<ToNode>(port as never, (_, error) => {
    throw error;
  })),
);
port.on('message', (messages: readonly ToSurface[]) => messages.forEach(client.handle));

let bytes = 0;
for (const size of [16, 64, 16, 64]) {
  await node.mixed.upload(new Uint8Array(new ArrayBuffer(size * mebibyte)), []);
  bytes += size * mebibyte;
  bytes += (await node.mixed.download(String(size * mebibyte), [])).length;
  for (const shard of await node.mixed.cesProcess(new Uint8Array(new ArrayBuffer(size * mebibyte)), 3)) bytes += shard.length;
}
port.postMessage({ bytes });
port.close();

/**
 * Our RPC server in front of a node that does nothing: all of `src/rpc`, its thread, its bridge and its engine; a put is counted,
 * a get is made up, `cesReconstruct` puts its shards together. So it does what the rivals under `bench/rivals/rpc-*` do.
 * `node bench/rpc/server.ts native|wasm` prints its port as one line of JSON, and ends when stdin does.
 */
import { openRpcServer } from '../../src/rpc/rpc.ts';
import type { GetOptions, PutOptions, PutResult } from '../../src/api/api.ts';
import { discardMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import { MemoryNode } from '../../test/control/memory-node.ts';

const chunkBytes = 2 ** 20;

class IdleNode extends MemoryNode {
  override async put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult> {
    let bytes = 0;
    for await (const chunk of content) bytes += chunk.length;
    const record = await super.put((async function* () {})(), options);
    return { ...record, bytes };
  }

  override async get(_reference: string, { length = 0 }: GetOptions = {}) {
    return {
      name: 'bench', kind: 'file' as const, mediaType: '', bytes: length,
      content: (async function* () {
        const chunk = new Uint8Array(chunkBytes).fill(7);
        for (let left = length; left > 0; left -= chunkBytes) yield chunk.subarray(0, Math.min(left, chunkBytes));
      })(),
    };
  }
}

const node = new IdleNode();
node.mixed.cesReconstruct = async (shards) => Buffer.concat(shards.filter((shard) => shard !== undefined));

const server = await openRpcServer({
  listen: { host: '127.0.0.1', port: 0 }, api: node, token: undefined, tls: undefined, admit: () => true,
  engine: process.argv[2] === 'wasm' ? 'wasm' : 'native', logger: silentLogger, metrics: discardMetrics,
});
process.stdout.write(`${JSON.stringify({ port: server.port })}\n`);
process.stdin.resume().on('end', () => void server.close(1_000).then(() => process.exit()));

/** The node itself, `pangea-node --graph-addr`, as the relay of pages; killed and started again under its address. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectNode, type LocalNode } from '../../../src/control/control.ts';
import { NodeProcess } from '../../node/process.ts';

export interface NodeRelay {
  /** `http://127.0.0.1:…/gun`. */
  readonly url: string;
  readonly node: LocalNode;
  /** SIGKILL, then a new process on the same data and port. */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

export async function startNodeRelay(): Promise<NodeRelay> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pangea-graph-node-'));
  const node = connectNode(dataDir);
  const start = async (port: string): Promise<NodeProcess> => {
    const started = new NodeProcess(dataDir, ['--rpc', 'false', '--graph-addr', `127.0.0.1:${port}`]);
    await started.said('ready');
    return started;
  };
  let running = await start('0');
  const { host, port } = new URL((await node.graph.status()).address);
  return {
    url: `http://${host}/gun`,
    node,
    killAndRestart: async () => {
      await running.stop('SIGKILL');
      running = await start(port);
    },
    close: async () => {
      await running.stop('SIGKILL');
      await rm(dataDir, { recursive: true });
    },
  };
}

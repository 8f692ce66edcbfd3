/** Streaming through a whole node, with its codec and its disk: over RPC beside its control socket, which the command line uses. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectNode } from '../../src/control/control.ts';
import { startDev } from '../../test/e2e/local-network.ts';
import type { Figures } from './figures.ts';
import { cpuSecondsOf, type Client, type Reply, type Request } from './processes.ts';
import { chunk, type Pace } from './workloads.ts';

const mebibyte = 2 ** 20;

/** Gives what was left out. */
export async function measureNode({ rounds, nodeBytes }: Pace, clients: readonly Client[], figures: Figures): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-bench-rpc-'));
  const network = await startDev(1, { dataDir: directory });
  try {
    const [node] = network.nodes;
    if (node === undefined) throw new Error('dev started no node');
    const { addresses } = await connectNode(node.dataDir).status();
    if (!/:\d+$/.test(addresses.rpc)) return ['a whole node: it does not serve RPC'];
    const token = readFileSync(join(node.dataDir, 'rpc-token'), 'utf8').trim();
    const socket = join(node.dataDir, 'control.sock');
    for (let round = 0; round <= rounds; round++) {
      for (const client of clients) {
        const measure = async (workload: string, server: string, request: Request): Promise<Reply> => {
          const before = cpuSecondsOf(node.pid);
          const reply = await client.ask(request);
          const cpu = cpuSecondsOf(node.pid) - before;
          if (round > 0) {
            figures.add(workload, server, client.id, 'MiB/s', reply.done / reply.seconds / mebibyte);
            figures.add(workload, server, client.id, 'CPU-s/GiB', (cpu / reply.done) * 2 ** 30);
          }
          return reply;
        };
        const over = { address: addresses.rpc, token, bytes: nodeBytes, chunk, socket };
        const { link } = await measure('put through a node', 'native', { ...over, op: 'put' });
        await measure('get through a node', 'native', { ...over, op: 'get', link });
        // Python's standard library speaks no HTTP over a Unix socket.
        if (client.id === 'python') continue;
        const { link: same } = await measure('put through a node', 'control socket', { ...over, op: 'control-put' });
        await measure('get through a node', 'control socket', { ...over, op: 'control-get', link: same });
      }
    }
    return [];
  } finally {
    await network.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

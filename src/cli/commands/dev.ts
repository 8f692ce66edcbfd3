import { PangeaError } from '../../errors/errors.ts';
import type { Command } from '../command.ts';
import { startLocalNetwork, type LocalNetwork } from '../dev/network.ts';
import { table } from '../format.ts';
import { abortOnSignal } from '../signals.ts';

export const dev: Command = {
  usage: 'dev',
  summary: 'Run a whole network on this machine, to try everything in a minute',
  options: {
    nodes: { type: 'string', requiresArg: true, default: '12', describe: 'How many nodes' },
    'base-port': { type: 'string', requiresArg: true, describe: 'First port; each node takes four (default: free ones)' },
  },
  examples: [
    ['dev --nodes 12', 'twelve processes on loopback; Ctrl-C stops them all'],
    ['dev --nodes 3 --data-dir ./net', 'keeps what was stored for the next time'],
  ],
  handlesSignals: true,

  async run({ args, output }) {
    const nodes = numberOf(args.required('nodes'), 'nodes', 1, 64);
    const basePort = args.text('base-port') === undefined ? 0 : numberOf(args.required('base-port'), 'base-port', 1024, 65_535 - nodes * 4);
    const { signal, done } = abortOnSignal(true);
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (process.connected) process.once('disconnect', resolve);
    });
    output.note(`starting ${nodes} ${nodes === 1 ? 'node' : 'nodes'} …`);
    const network = await startLocalNetwork({ nodes, basePort, dataDir: args.text('data-dir'), signal });
    try {
      output.record({ ready: true, directory: network.directory, nodes: network.members.map(recordOf) }, describe(network));
      await Promise.race([stopped, ...network.members.map(died)]);
    } finally {
      output.note('stopping …');
      await network.stop();
      done();
    }
  },
};

type Member = LocalNetwork['members'][number];

/** A node that ends by itself ends the network: a hidden loss would make every trial misleading. Killing one is a trial. */
function died({ child, dataDir }: Member): Promise<never> {
  return new Promise((_, reject) => {
    child.once('exit', (code) => {
      if (code !== null) reject(new PangeaError('INTERNAL', `the node in ${dataDir} ended by itself with code ${code}`));
    });
  });
}

function recordOf({ dataDir, pid, status }: Member): object {
  return { nodeId: status.nodeId, peerId: status.peerId, pid, dataDir, addresses: status.addresses };
}

function describe({ members }: LocalNetwork): string {
  const rows = members.map(({ dataDir, pid, status }) => [
    String(status.nodeId), String(pid), status.addresses.quic[0] ?? '-', status.addresses.http, dataDir,
  ]);
  const [first, last] = [members[0], members.at(-1)] as [Member, Member];
  return [
    table([['node-id', 'pid', 'QUIC', 'HTTP', 'data directory'], ...rows], [0, 1]),
    '',
    'Put on one node and get on another, from a second terminal:',
    `  pangea-node put FILE --data-dir ${first.dataDir}`,
    `  pangea-node get LINK -o COPY --data-dir ${last.dataDir}`,
    'Kill any four (kill -9 PID) and get it again. Ctrl-C stops all.',
  ].join('\n');
}

function numberOf(text: string, name: string, from: number, to: number): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw new PangeaError('USAGE', `--${name} ${text}: expected a number from ${from} to ${to}`);
}

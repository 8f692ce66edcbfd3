import type { PeerView } from '../../control/control.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { Command } from '../command.ts';
import { humanBytes, printable, table } from '../format.ts';

export const peers: Command = {
  usage: 'peers [action] [target]',
  summary: 'Show the known nodes; "connect" meets one, "revoke" ends a membership',
  positionals: {
    action: { describe: 'Nothing, "connect" or "revoke"' },
    target: { describe: 'Address to connect to, or PeerId to revoke' },
  },
  examples: [
    ['peers', 'latency, health and status, measured by this node'],
    ['peers connect /ip4/192.0.2.7/tcp/9091', 'meets a node by its address'],
    ['peers revoke 12D3KooW…', 'ends a membership in a private network'],
  ],
  async run({ args, output, node }) {
    const action = args.text('action');
    const target = args.text('target');
    if (action === undefined) {
      const known = await node().peers();
      output.record(known, known.length === 0 ? 'no other node is known yet' : describe(known));
      return;
    }
    if (action !== 'connect' && action !== 'revoke') throw new PangeaError('USAGE', `peers ${action}: expected connect or revoke`);
    if (target === undefined) throw new PangeaError('USAGE', `peers ${action}: ${action === 'connect' ? 'an address' : 'a PeerId'} is missing`);
    if (action === 'connect') {
      const met = await node().connectPeer(target);
      output.record(met, `connected to ${met.peer}`);
    } else {
      await node().revokePeer(target);
      output.record({ revoked: target }, `the membership of ${target} has ended`);
    }
  },
};

function describe(known: readonly PeerView[]): string {
  const number = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? '-';
  const rows = known.map((peer) => [
    peer.peer, `${peer.label ?? '-'}${peer.ambiguousLabel ? ' (ambiguous)' : ''}`, peer.status, peer.connected ? peer.path ?? 'yes' : 'no',
    number(peer.latencyMs, 1), number(peer.jitterMs, 1), number(peer.packetLoss, 2), number(peer.health, 2), number(peer.threatScore, 2),
    peer.freeBytes === undefined ? '-' : humanBytes(peer.freeBytes), printable(peer.quicAddresses[0] ?? peer.multiaddrs[0] ?? '-'),
  ]);
  return table([['peer', 'node-id', 'status', 'connected', 'latency ms', 'jitter ms', 'loss', 'health', 'threat', 'free', 'address'], ...rows], [4, 5, 6, 7, 8, 9]);
}

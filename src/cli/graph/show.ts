/** The graph for people: tables of nodes, peers and counts. */
import type { GraphNodeView, GraphPeerView, GraphStatus } from '../../control/control.ts';
import { humanBytes, printable, table } from '../format.ts';
import { stateText, valueText } from './values.ts';

export function describeNode({ soul, fields }: GraphNodeView): string {
  const rows = fields.map(({ key, value, state }) => [printable(key), valueText(value), stateText(state)]);
  return `${printable(soul)}\n${rows.length === 0 ? '(no fields)' : table([['key', 'value', 'written'], ...rows])}`;
}

export function describePeers(peers: readonly GraphPeerView[]): string {
  if (peers.length === 0) return 'nobody is connected';
  const rows = peers.map(({ id, pid, name, direction, role, speaks }) => [String(id), printable(pid) || '-', role, speaks, direction, printable(name)]);
  return table([['connection', 'peer', 'role', 'speaks', 'direction', 'address'], ...rows], [0]);
}

export function describeStatus(status: GraphStatus): string {
  if (status.state === 'off') return 'this node serves no graph: start it with --graph-addr';
  const { address, pid, store, digest, relays, peers, fields, memory, messages, outbox, subscriptions, failedWrites, violations } = status;
  const broken = Object.entries(violations).map(([rule, count]) => `${rule} ${count}`).join(', ');
  return table([
    ['address', address], ['peer', pid], ['digest', digest ?? 'not known yet'],
    ['store', `${store.name} (${store.durability}), ${humanBytes(store.bytes)}, ${store.written} fields in ${store.writes} writes since the start`],
    ['peers', `${peers.relays} relays, ${peers.leaves} leaves; ${peers.pangea} speak our extensions`],
    ...relays.map(({ url, state }) => ['relay', `${printable(url)}: ${state}`]),
    ['fields', `${fields.accepted} taken, ${fields.old} old, ${fields.deferred} wait for their time, ${fields.refused} refused, ${fields.unstored} not stored yet${failedWrites > 0 ? `, ${failedWrites} writes failed` : ''}`],
    ['at hand', `${memory.nodes} nodes with ${memory.fields} fields, ${memory.watched} watched`],
    ['messages', `${messages.in} in, ${messages.out} out, ${messages.relayed} passed on, ${messages.duplicates} seen before`],
    ['outbox', `${outbox} writes that no relay has confirmed`], ['subscriptions', String(subscriptions)],
    ['broken rules', broken || 'none'],
  ]);
}

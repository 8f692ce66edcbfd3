/** What the graph tells those who listen to the node's events: how much and with whom, never what. */
import type { GraphPeer } from '../graph/graph.ts';
import type { Clock, Timer } from '../std/std.ts';
import type { Events } from './events.ts';

const roundMs = 1_000;

/** Tells until the returned function is called. */
export function watchGraph(peer: GraphPeer, events: Events, clock: Clock): () => void {
  const count = (): number => peer.mesh.peers().length;
  const forget = peer.onPeer((change, { name }) => {
    events.emit({ kind: 'graph', change: change === 'hi' ? 'connected' : 'disconnected', peer: name, fields: 0, peers: count() });
  });
  let before = 0;
  let timer: Timer | undefined;
  const round = (): void => {
    timer = clock.after(roundMs, round);
    const { accepted } = peer.stats().replica;
    if (accepted > before) events.emit({ kind: 'graph', change: 'written', peer: '', fields: accepted - before, peers: count() });
    before = accepted;
  };
  round();
  return () => {
    timer?.cancel();
    forget();
  };
}

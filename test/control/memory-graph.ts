import { createGraphPeer, createGuard, createMesh, MemoryStore, type GraphPeer } from '../../src/graph/graph.ts';
import { GraphCalls } from '../../src/node/graph-calls.ts';
import { systemClock, systemRandom } from '../../src/std/std.ts';

/** The graph of a node, kept in memory, with nobody connected. */
export function memoryGraph(): { readonly graph: GraphCalls; readonly peer: GraphPeer } {
  const store = new MemoryStore();
  const guard = createGuard({ clock: systemClock });
  const peer = createGraphPeer({
    store, guard, clock: systemClock, random: systemRandom,
    mesh: (handler, pid) => createMesh({ handler, clock: systemClock, random: systemRandom, pid, relay: true }),
  });
  return { graph: new GraphCalls({ peer, store, guard, clock: systemClock, storedBytes: async () => store.stats().bytes, address: 'ws://127.0.0.1:8765/gun', relays: () => [] }), peer };
}

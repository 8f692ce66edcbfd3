/** Changes of one node for a reader who may be slower than they come. */
import type { GraphChange } from '../api/api.ts';
import type { Field, GraphPeer } from '../graph/graph.ts';

/** Fields that wait for a reader, the newest value of each key; beyond it the whole node is read again when the reader comes. */
const waitingFields = 20_000;

/** First the node as it is, then what changes, until the signal. */
export async function* watchNode(peer: GraphPeer, soul: string, signal: AbortSignal): AsyncGenerator<GraphChange> {
  const waiting = new Map<string, Field>();
  let origin: GraphChange['origin'] = 'now';
  let whole = true;
  let wake = Promise.withResolvers<void>();
  const stops = [
    peer.watch(soul, (change) => {
      if (whole) return;
      origin = change.origin;
      for (const field of change.fields) waiting.set(field.key, field);
      if (waiting.size > waitingFields) {
        waiting.clear();
        whole = true;
      }
      wake.resolve();
    }),
    peer.subscribe({ soul }),
  ];
  const end = (): void => wake.resolve();
  signal.addEventListener('abort', end, { once: true });
  try {
    while (!signal.aborted) {
      if (whole) {
        // Changes from here on are kept again; one that is in the node already is told twice rather than lost.
        whole = false;
        const node = await peer.load(soul);
        if (node !== undefined && node.size > 0) yield { soul, origin: 'now', fields: [...node.fields()] };
      }
      while (waiting.size > 0 && !whole && !signal.aborted) {
        const fields = [...waiting.values()];
        waiting.clear();
        yield { soul, origin, fields };
      }
      if (whole || signal.aborted) continue;
      await wake.promise;
      wake = Promise.withResolvers();
    }
  } finally {
    signal.removeEventListener('abort', end);
    for (const stop of stops) stop();
  }
}

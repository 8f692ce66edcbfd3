/** Ours in a process of its own: a relay as a node serves it, or an end of the mesh as a program has it. */
import { answer } from '../../../bench/graph/subjects/answer.ts';
import { openPangea, type Pangea } from '../../../bench/graph/subjects/open-pangea.ts';
import type { Entry, Operations, Write } from './member.ts';

/** Waits of seconds are for networks; here they would be the time of the run. */
const backoff = { firstMs: 100, lastMs: 1_000, pooledMs: 2_000 };

let graph: Pangea;
const acked: Entry[] = [];

const writes: { readonly [Kind in Write['kind']]: (write: Extract<Write, { kind: Kind }>) => PromiseLike<unknown> } = {
  put: ({ soul, key, value }) => graph.chain.get(soul).get(key).put(value).then((done) => note(done, soul, [key])),
  node: ({ soul, fields }) => graph.chain.get(soul).put(fields).then((done) => note(done, soul, Object.keys(fields))),
  nested: ({ soul, key, fields }) => graph.chain.get(soul).get(key).put(fields),
  set: ({ soul, item, fields }) => graph.chain.get(soul).set({ _: { '#': item }, ...fields }),
  tie: ({ soul, key, value, state }) => graph.peer.put([{ soul, fields: [{ key, value, state }] }]),
};

/** A write that settled is on disk: what the graph has of it now is at least that. */
async function note({ stored }: { readonly stored: string }, soul: string, keys: readonly string[]): Promise<void> {
  if (stored !== 'disk') return;
  const node = await graph.peer.load(soul);
  for (const field of node?.fields() ?? []) if (keys.includes(field.key)) acked.push([soul, field.key, field.state, field.value]);
}

const operations: Operations = {
  async open({ peers, relay, directory }) {
    graph = await openPangea({ node: relay, listen: relay, peers, backoff, ...(directory === undefined ? {} : { directory }) });
    return { port: graph.port };
  },
  // Not awaited: the schedule goes on, and a crash may come between.
  write: (write) => void Promise.resolve((writes[write.kind] as (write: Write) => PromiseLike<unknown>)(write)).catch((error: unknown) => process.stderr.write(`${String(error)}\n`)),
  watch: (soul) => void graph.chain.get(soul).on(() => undefined),
  ask: (souls) => {
    for (const soul of souls) void graph.peer.ask({ soul }, { waitMs: 1_000 });
  },
  async dump(prefix) {
    const entries: Entry[] = [];
    for await (const soul of graph.peer.souls({ '*': prefix })) {
      const node = await graph.peer.load(soul);
      for (const { key, state, value } of node?.fields() ?? []) entries.push([soul, key, state, value]);
    }
    return entries;
  },
  acknowledged: (prefix) => acked.filter(([soul]) => soul.startsWith(prefix)),
  forget: () => void (acked.length = 0),
  peers: () => graph.peer.mesh.peers().length,
  reconnect: () => undefined,
};

answer({ ...operations }, () => graph?.close());

/** Ours in a process of its own: a relay as a node serves it, or an end of the mesh as a program has it. */
import { answer } from '../../../bench/graph/subjects/answer.ts';
import { createChain, type Chain } from '../../../src/graph/chain/chain.ts';
import { createMesh } from '../../../src/graph/dam/create.ts';
import { createGraphPeer } from '../../../src/graph/peer/create.ts';
import type { GraphPeer } from '../../../src/graph/peer/peer.ts';
import { openDurableStore } from '../../../src/graph/storage/durable.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { keepConnected } from '../../../src/graph/wire/client.ts';
import { nodeSocket } from '../../../src/graph/wire/node-socket.ts';
import { openGraphServer } from '../../../src/graph/wire/server.ts';
import { systemClock as clock, systemRandom as random } from '../../../src/std/std.ts';
import type { Entry, Operations, Write } from './member.ts';

/** Waits of seconds are for networks; here they would be the time of the run. */
const backoff = { firstMs: 100, lastMs: 1_000, pooledMs: 2_000 };

let peer: GraphPeer;
let chain: Chain;
const acked: Entry[] = [];

const writes: { readonly [Kind in Write['kind']]: (write: Extract<Write, { kind: Kind }>) => PromiseLike<unknown> } = {
  put: ({ soul, key, value }) => chain.get(soul).get(key).put(value).then((done) => note(done, soul, [key])),
  node: ({ soul, fields }) => chain.get(soul).put(fields).then((done) => note(done, soul, Object.keys(fields))),
  nested: ({ soul, key, fields }) => chain.get(soul).get(key).put(fields),
  set: ({ soul, item, fields }) => chain.get(soul).set({ _: { '#': item }, ...fields }),
  tie: ({ soul, key, value, state }) => peer.put([{ soul, fields: [{ key, value, state }] }]),
};

/** A write that settled is on disk: what the graph has of it now is at least that. */
async function note({ stored }: { readonly stored: string }, soul: string, keys: readonly string[]): Promise<void> {
  if (stored !== 'disk') return;
  const node = await peer.load(soul);
  for (const field of node?.fields() ?? []) if (keys.includes(field.key)) acked.push([soul, field.key, field.state, field.value]);
}

const operations: Operations = {
  async open({ peers, relay, directory }) {
    const store = directory === undefined ? new MemoryStore() : await openDurableStore(directory);
    peer = createGraphPeer({ store, clock, random, mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay }) });
    chain = createChain(peer, { clock, random });
    for (const url of peers) keepConnected(url, peer.mesh, { clock, random, socket: nodeSocket(), backoff });
    if (!relay) return { port: 0 };
    const { address } = await openGraphServer({ host: '127.0.0.1', port: 0, mesh: peer.mesh, clock });
    return { port: address.port };
  },
  // Not awaited: the schedule goes on, and a crash may come between.
  write: (write) => void Promise.resolve((writes[write.kind] as (write: Write) => PromiseLike<unknown>)(write)).catch((error: unknown) => process.stderr.write(`${String(error)}\n`)),
  watch: (soul) => void chain.get(soul).on(() => undefined),
  ask: (souls) => {
    for (const soul of souls) void peer.ask({ soul }, { waitMs: 1_000 });
  },
  async dump(prefix) {
    const entries: Entry[] = [];
    for await (const soul of peer.souls({ '*': prefix })) {
      const node = await peer.load(soul);
      for (const { key, state, value } of node?.fields() ?? []) entries.push([soul, key, state, value]);
    }
    return entries;
  },
  acknowledged: (prefix) => acked.filter(([soul]) => soul.startsWith(prefix)),
  forget: () => void (acked.length = 0),
  peers: () => peer.mesh.peers().length,
  reconnect: () => undefined,
};

answer({ ...operations }, () => peer?.close());

/** Pages of nodes and of souls, out of a store that has them on disk, where nothing is in memory. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { compareText, createGraphPeer, createGuard, createMesh, openDurableStore, type GraphPeer } from '../../src/graph/graph.ts';
import type { GraphRange } from '../../src/api/api.ts';
import { readRange, soulsAfter } from '../../src/node/graph-range.ts';
import { systemClock, systemRandom } from '../../src/std/std.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-graph-range-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let count = 0;

async function open(path: string): Promise<{ peer: GraphPeer; close: () => Promise<void> }> {
  const store = await openDurableStore(path);
  const peer = createGraphPeer({
    store, guard: createGuard({ clock: systemClock }), clock: systemClock, random: systemRandom,
    mesh: (handler, pid) => createMesh({ handler, clock: systemClock, random: systemRandom, pid, relay: true }),
  });
  return { peer, close: async () => { await peer.close(); await store.close(); } };
}

/** Writes the nodes, and runs with a peer that has read none of them. */
async function stored(nodes: Readonly<Record<string, readonly string[]>>, run: (peer: GraphPeer) => Promise<void>, value = 'v'): Promise<void> {
  const path = join(directory, String(++count));
  const writer = await open(path);
  for (const [soul, keys] of Object.entries(nodes)) {
    for (let at = 0; at < keys.length; at += 500) {
      await writer.peer.put([{ soul, fields: keys.slice(at, at + 500).map((key) => ({ key, value, state: 1 })) }], { acks: 0 });
    }
  }
  await writer.close();
  const reader = await open(path);
  try {
    await run(reader.peer);
  } finally {
    await reader.close();
  }
}

async function paged(peer: GraphPeer, soul: string, range: GraphRange, limit: GraphRange['limit']): Promise<string[]> {
  const keys: string[] = [];
  for (let page: string | undefined = range.after; ;) {
    const node = await readRange(peer, soul, { ...range, limit, ...(page === undefined ? {} : { after: page }) } as GraphRange);
    keys.push(...(node?.fields ?? []).map(({ key }) => key));
    if (node?.more !== true) return keys;
    page = keys.at(-1);
  }
}

// Texts that sort differently by UTF-16 units and by bytes, and that begin one with the other.
const text = fc.array(fc.constantFrom('a', 'b', '\u{1f44b}', '\uffff', '\ue000', 'z'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));

test('any range, in pages of any size, has each of its fields once and in order', { timeout: 120_000 }, async () => {
  const bound = fc.option(text, { nil: undefined });
  const cases = fc.record({
    keys: fc.uniqueArray(text, { minLength: 1, maxLength: 30 }), prefix: bound, from: bound, to: bound, after: bound,
    fields: fc.integer({ min: 1, max: 8 }), chars: fc.constantFrom(1, 10, 1_000_000),
  });
  await fc.assert(fc.asyncProperty(cases, async ({ keys, prefix, from, to, after, fields, chars }) => {
    const range = Object.fromEntries(Object.entries({ prefix, from, to, after }).filter(([, bound]) => bound !== undefined)) as GraphRange;
    const wanted = keys.filter((key) => key.startsWith(prefix ?? '') && compareText(key, from ?? '') >= 0
      && (to === undefined || compareText(key, to) <= 0) && (after === undefined || compareText(key, after) > 0)).sort(compareText);
    await stored({ node: keys }, async (peer) => {
      assert.equal(peer.peek('node'), undefined);
      assert.deepEqual(await paged(peer, 'node', range, { fields, chars }), wanted);
      await peer.load('node');
      assert.deepEqual(await paged(peer, 'node', range, { fields, chars }), wanted);
      assert.deepEqual((await readRange(peer, 'node', range))?.fields.map(({ key }) => key) ?? [], wanted);
    });
  }), { numRuns: 40, seed: 20261121 });
});

test('a node of thousands of fields is read in pages, and so is one of fields that fill a page alone', { timeout: 60_000 }, async () => {
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${String(index).padStart(5, '0')}`);
  await stored({ wide: keys }, async (peer) => assert.deepEqual(await paged(peer, 'wide', {}, { fields: 700, chars: 1_000_000 }), keys));
  const few = keys.slice(0, 5);
  await stored({ heavy: few }, async (peer) => assert.deepEqual(await paged(peer, 'heavy', {}, { fields: 100, chars: 1 }), few), 'x'.repeat(2_000_000));
});

test('souls go on after any soul, within a prefix', { timeout: 120_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.uniqueArray(text, { maxLength: 20 }), fc.constantFrom('', 'a', 'ab', '\u{1f44b}'), fc.option(text, { nil: '' }), async (souls, prefix, after) => {
    await stored(Object.fromEntries(souls.map((soul) => [soul, ['x']])), async (peer) => {
      const found: string[] = [];
      for await (const soul of soulsAfter(peer, prefix, after)) found.push(soul);
      assert.deepEqual(found, souls.filter((soul) => soul.startsWith(prefix) && (after === '' || compareText(soul, after) > 0)).sort(compareText));
    });
  }), { numRuns: 40, seed: 20261121 });
});

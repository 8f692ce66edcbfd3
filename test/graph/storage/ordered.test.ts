import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GraphNode } from '../../../src/graph/data/node.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { compareBytes } from '../../../src/graph/storage/order.ts';
import { orderedKeys } from '../../../src/graph/storage/ordered.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\0', 'é', '\ud7ff', '\ue000', '\uffff', '\ud800', '\u{1f600}'), minLength: 1, maxLength: 6 });
/** Batches of keys, some small enough to be put in one by one, some not, after enough that the order is kept. */
const growth = fc.array(fc.uniqueArray(text, { maxLength: 40 }), { maxLength: 6 });
const many = Array.from({ length: 100 }, (_, at) => `k${at}`);

test('the keys of a node that grows are in order of bytes at every question', () => {
  fc.assert(fc.property(growth, (batches) => {
    const node = new GraphNode('n');
    for (const batch of [many, ...batches]) {
      for (const key of batch) node.set(key, 1, 1);
      assert.deepEqual(orderedKeys(node), [...node.keys()].sort(compareBytes));
    }
  }), { seed: 5, numRuns: 200 });
});

test('a list of souls that was begun goes on as it was, and the next one has the new ones in place', async () => {
  const store = new MemoryStore();
  const write = (...souls: string[]): Promise<void> => store.write(souls.map((soul) => ({ soul, fields: [{ key: 'x', value: 1, state: 1 }] })));
  await write('b', 'd', 'f');
  const heard: string[] = [];
  for await (const soul of store.souls()) {
    if (heard.push(soul) === 1) await write('a', 'c', 'b', ...many);
  }
  assert.deepEqual(heard, ['b', 'd', 'f']);
  const next = await all(store.souls());
  assert.deepEqual(next, ['a', 'b', 'c', 'd', 'f', ...many].sort(compareBytes));
  assert.deepEqual(await all(store.souls({ '<': 'c', '-': 1 })), ['c', 'b', 'a']);
});

async function all(souls: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const soul of souls) found.push(soul);
  return found;
}

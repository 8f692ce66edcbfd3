import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GraphNode } from '../../../src/graph/data/node.ts';
import type { Field, Value } from '../../../src/graph/data/types.ts';

const value: fc.Arbitrary<Value> = fc.constantFrom<Value[]>('a', 'longer', 1, null, true, { '#': 'soul' });
const field: fc.Arbitrary<Field> = fc.record({ key: fc.integer({ min: 0, max: 24 }).map((at) => ['', '__proto__', 'constructor'][at] ?? `k${at}`), value, state: fc.integer({ min: 1, max: 3 }) }, { noNullPrototype: true });

test('a node holds what was set last, in the order of first writes, however many fields and nodes there are', () => {
  fc.assert(fc.property(fc.array(field, { maxLength: 14 }), fc.array(field, { maxLength: 40 }), fc.array(field, { maxLength: 40 }), (first, more, other) => {
    const nodes = [GraphNode.from({ soul: 'a', fields: first }), GraphNode.from({ soul: 'b', fields: first })];
    const models = [new Map<string, Field>(), new Map<string, Field>()];
    for (const one of first) for (const model of models) model.set(one.key, one);
    // Nodes that began alike go ways of their own.
    for (const [at, writes] of [more, other].entries()) {
      for (const one of writes) {
        nodes[at]?.set(one.key, one.value, one.state);
        models[at]?.set(one.key, one);
      }
    }
    for (const [at, node] of nodes.entries()) {
      const model = models[at] as Map<string, Field>;
      assert.deepEqual([...node.fields()], [...model.values()]);
      assert.deepEqual(node.toDelta(), { soul: at === 0 ? 'a' : 'b', fields: [...model.values()] });
      assert.deepEqual(node.keys(), [...model.keys()]);
      assert.equal(node.size, model.size);
      for (const key of ['', 'k5', 'k20', 'none', '__proto__']) {
        assert.deepEqual(node.field(key), model.get(key));
        assert.equal(node.has(key), model.has(key));
        assert.equal(node.state(key), model.get(key)?.state ?? Number.NEGATIVE_INFINITY);
        assert.deepEqual(node.value(key), model.get(key)?.value);
      }
      const chars = [...model.values()].reduce((sum, one) => sum + one.key.length + (typeof one.value === 'string' ? one.value.length : one.value !== null && typeof one.value === 'object' ? one.value['#'].length : 0), 0);
      assert.equal(node.chars, chars);
    }
  }), { seed: 9, numRuns: 2_000 });
});

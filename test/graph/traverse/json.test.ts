/** Export as JSON graph, nested JSON and DOT, and import of the first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPangeaError } from '../../../src/errors/errors.ts';
import type { Value } from '../../../src/graph/data/types.ts';
import { fromJsonGraph } from '../../../src/graph/traverse/import.ts';
import { toDot, toJsonGraph } from '../../../src/graph/traverse/json.ts';
import { toNested } from '../../../src/graph/traverse/nested.ts';
import { walk } from '../../../src/graph/traverse/walk.ts';
import { anyLinks, graphOf, listOf, MemoryGraph } from './memory-graph.ts';

const name = fc.oneof(fc.constantFrom('constructor', 'toString', 'a', 'b'), fc.string({ minLength: 1 })).filter((text) => text !== '_' && text !== '__proto__');
const value: fc.Arbitrary<Value> = fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null), name.map((soul) => ({ '#': soul })));

test('what was exported is imported with the same values and states, through JSON text', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(name, name, value), { minLength: 1, maxLength: 30 }), async (fields) => {
    const graph = new MemoryGraph();
    for (const [soul, key, held] of fields) graph.set(soul, key, held);
    const exported = await toJsonGraph(walk(graph, graph.nodes.keys()));
    assert.equal(exported.limitedBy, undefined);
    const deltas = fromJsonGraph(JSON.parse(JSON.stringify(exported)), { state: -1 });
    const plain = (soul: string, all: Iterable<{ key: string; value: Value; state: number }>): unknown => [soul, [...all].map(({ key, value: held, state }) => `${key} ${JSON.stringify(held)} ${state}`).sort()];
    assert.deepEqual(new Map(deltas.map((delta) => plain(delta.soul, delta.fields) as [string, unknown])), new Map(Array.from(graph.nodes.values(), (node) => plain(node.soul, node.fields()) as [string, unknown])));
  }), { seed: 31 });
});

test('graphs of other programs, without states and keys, are read with the state that is given', () => {
  assert.deepEqual(fromJsonGraph({ nodes: [{ id: 'a', fields: { x: 1 } }, { id: 'b' }], edges: [{ source: 'a', target: 'b' }] }, { state: 5 }), [
    { soul: 'a', fields: [{ key: 'x', value: 1, state: 5 }, { key: 'b', value: { '#': 'b' }, state: 5 }] },
  ]);
});

test('what is no graph is refused with its place, whatever it is, and nothing is polluted', () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [null, /the graph is no object/], [{ nodes: 3 }, /nodes is no list/], [{ nodes: [7] }, /nodes\[0\] is no object/],
    [{ nodes: [{ id: '', fields: { a: 1 } }] }, /the id in nodes\[0\]/], [{ nodes: [{ id: 'a', fields: { b: [1] } }] }, /nodes\[0\]\.fields\.b is neither/],
    [{ nodes: [], edges: [{ source: 'a' }] }, /edges\[0\]\.target/], [{ nodes: [], edges: [{ source: 'a', target: 'b', state: 'x' }] }, /no finite number/],
    [JSON.parse('{"nodes":[{"id":"__proto__","fields":{"a":1}}]}'), /the id in nodes\[0\]/],
    [JSON.parse('{"nodes":[{"id":"a","fields":{"__proto__":1}}]}'), /the key in nodes\[0\]/],
  ];
  for (const [graph, message] of refused) assert.throws(() => fromJsonGraph(graph, { state: 1 }), (error) => isPangeaError(error, 'GRAPH_INVALID') && message.test(error.message), JSON.stringify(graph));
  fc.assert(fc.property(fc.oneof(fc.anything(), fc.record({ nodes: fc.anything(), edges: fc.anything() }), fc.record({ nodes: fc.array(fc.anything()), edges: fc.array(fc.anything()) })), (graph) => {
    try {
      fromJsonGraph(graph, { state: 1 });
    } catch (error) {
      assert.ok(isPangeaError(error, 'GRAPH_INVALID'), String(error));
    }
  }), { seed: 32, numRuns: 2_000 });
  assert.equal(({} as { a?: unknown }).a, undefined);
  assert.throws(() => fromJsonGraph({ nodes: [{ id: 'a', fields: { b: 1, c: 2 } }] }, { state: 1, maxFields: 1 }), { code: 'TOO_LARGE' });
});

test('nested JSON holds each node once, and links where it would repeat', async () => {
  const graph = new MemoryGraph();
  graph.set('mark', 'name', 'Mark');
  graph.set('mark', 'gone', null);
  graph.link('mark', 'amber', 'boss');
  graph.link('mark', 'nowhere', 'lost');
  graph.set('amber', 'name', 'Amber');
  graph.link('amber', 'mark', 'employee');
  assert.deepEqual(JSON.parse(JSON.stringify((await toNested(graph, 'mark')).value)), {
    _: { '#': 'mark' }, name: 'Mark', boss: { _: { '#': 'amber' }, name: 'Amber', employee: { '#': 'mark' } }, lost: { '#': 'nowhere' },
  });
  assert.deepEqual(JSON.parse(JSON.stringify((await toNested(graph, 'mark', { souls: false, maxDepth: 0 })))), {
    value: { name: 'Mark', boss: { '#': 'amber' }, lost: { '#': 'nowhere' } }, limitedBy: 'maxDepth',
  });
  assert.equal((await toNested(graph, 'nowhere')).value, undefined);
});

test('every reachable node stands exactly once in nested JSON, and it can always be written', async () => {
  await fc.assert(fc.asyncProperty(anyLinks, async (links) => {
    const graph = graphOf(links);
    const text = JSON.stringify((await toNested(graph, 'n0')).value);
    const reached = (await listOf(walk(graph, ['n0']))).map(({ soul }) => soul);
    assert.deepEqual([...text.matchAll(/"_":\{"#":"(n\d+)"\}/g)].map((match) => match[1]).sort(), reached.toSorted());
  }), { seed: 33 });
});

test('DOT quotes what would end its text', async () => {
  const graph = new MemoryGraph();
  graph.set('a"b\\', 'text', 'line\nline');
  graph.link('a"b\\', 'c', 'to');
  assert.equal((await listOf(toDot(walk(graph, ['a"b\\'])))).join(''), [
    'digraph graph_export {',
    String.raw`  "a\"b\\" [label="a\"b\\\ntext: line\nline"];`,
    String.raw`  "a\"b\\" -> "c" [label="to"];`,
    '  "c" [label="c"];',
    '}',
    '',
  ].join('\n'));
});

/** Links against their direction: the scan, and an index that changes keep true. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLinkIndex, neighboursIn, neighboursOut } from '../../../src/graph/traverse/inbound.ts';
import type { Edge } from '../../../src/graph/traverse/reader.ts';
import { reachable } from '../../../src/graph/traverse/walk.ts';
import { anyLinks, graphOf, hopsOf, listOf, MemoryGraph } from './memory-graph.ts';

const shown = (edges: readonly Edge[]): string[] => edges.map(({ source, key, target }) => `${source}.${key}>${target}`).sort();

test('a scan finds every link to a soul and no other', async () => {
  await fc.assert(fc.asyncProperty(anyLinks, async (links) => {
    const graph = graphOf(links);
    const expected = links.flatMap((targets, from) => targets.flatMap((to, at) => (to === 0 ? [`n${from}.to${at}>n0`] : [])));
    assert.deepEqual(shown(await listOf(neighboursIn(graph, 'n0'))), expected.sort());
    assert.deepEqual(shown(await neighboursOut(graph, 'n0')), (links[0] ?? []).map((to, at) => `n0.to${at}>n${to}`).sort());
  }), { seed: 21 });
});

test('the index says what a scan says, through links that move, are deleted and come back', async () => {
  const change = fc.record({ from: fc.nat(6), key: fc.nat(2), to: fc.option(fc.nat(6)) });
  await fc.assert(fc.asyncProperty(anyLinks, fc.array(change, { maxLength: 40 }), fc.nat(40), async (links, changes, early) => {
    const graph = graphOf(links);
    const apply = ({ from, key, to }: (typeof changes)[number]): void => graph.set(`n${from}`, `to${key}`, to === null ? null : { '#': `n${to}` });
    const index = createLinkIndex(graph);
    for (const each of changes.slice(0, early)) {
      apply(each);
      await Promise.resolve();
    }
    await index.ready;
    changes.slice(early).forEach(apply);
    let count = 0;
    for (let to = 0; to < 14; to++) {
      const scanned = await listOf(neighboursIn(graph, `n${to}`));
      assert.deepEqual(shown(index.into(`n${to}`)), shown(scanned));
      count += scanned.length;
    }
    assert.equal(index.edges, count);
    index.close();
    graph.link('n0', 'late');
    assert.deepEqual(index.into('late'), []);
  }), { seed: 22 });
});

test('walking with the index follows links backwards', async () => {
  await fc.assert(fc.asyncProperty(anyLinks, async (links) => {
    const graph = graphOf(links);
    const index = createLinkIndex(graph);
    await index.ready;
    const found = await reachable(graph, ['n0'], { expand: index.expand });
    const hops = hopsOf(links);
    assert.deepEqual([...found.souls].sort(), [...hops.keys()].filter((from) => (hops[from]?.[0] as number) < Number.POSITIVE_INFINITY).map((from) => `n${from}`).sort());
  }), { seed: 23 });
});

test('an index of more links than it may hold says so', async () => {
  const graph = new MemoryGraph();
  for (let to = 0; to < 30; to++) graph.link('hub', `leaf${to}`);
  const index = createLinkIndex(graph, { maxEdges: 10 });
  await assert.rejects(index.ready, { code: 'TOO_LARGE' });
  assert.equal(index.complete, false);
  assert.equal(index.edges, 10);
  index.close();
});

/** Walks, paths and cycles against references that are plain, slow and recursive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cycles } from '../../../src/graph/traverse/cycles.ts';
import { shortestPath } from '../../../src/graph/traverse/path.ts';
import type { Edge } from '../../../src/graph/traverse/reader.ts';
import { reachable, walk, type Visit } from '../../../src/graph/traverse/walk.ts';
import { anyLinks, at, graphOf, hopsOf, listOf, MemoryGraph } from './memory-graph.ts';

const soulsOf = (visits: readonly Visit[]): string[] => visits.map(({ soul }) => soul);

function follows(edges: readonly Edge[], from: string, to: string): void {
  let place = from;
  for (const { source, target } of edges) {
    assert.equal(source, place);
    place = target;
  }
  assert.equal(place, to);
}

test('breadth first visits each reachable node once, at its distance', async () => {
  await fc.assert(fc.asyncProperty(anyLinks, async (links) => {
    const visits = await listOf(walk(graphOf(links), ['n0']));
    const hops = hopsOf(links)[0] as number[];
    const expected = hops.flatMap((far, to) => (far === Number.POSITIVE_INFINITY ? [] : [[`n${to}`, far]]));
    assert.deepEqual(Object.fromEntries(visits.map(({ soul, depth }) => [soul, depth])), Object.fromEntries(expected));
    assert.equal(visits.length, expected.length);
    assert.deepEqual(visits.map(({ depth }) => depth), visits.map(({ depth }) => depth).toSorted((a, b) => a - b));
  }), { seed: 11 });
});

test('depth first visits in the order of a recursive walk', async () => {
  await fc.assert(fc.asyncProperty(anyLinks, async (links) => {
    const expected: string[] = [];
    const recurse = (from: number): void => {
      if (expected.includes(`n${from}`)) return;
      expected.push(`n${from}`);
      links[from]?.forEach(recurse);
    };
    for (const root of [0, links.length - 1]) recurse(root);
    assert.deepEqual(soulsOf(await listOf(walk(graphOf(links), ['n0', `n${links.length - 1}`], { order: 'depth' }))), expected);
  }), { seed: 12 });
});

test('maxDepth gives exactly the nodes within that distance, and says whether something lies beyond', async () => {
  await fc.assert(fc.asyncProperty(anyLinks, fc.nat(4), async (links, maxDepth) => {
    const found = await reachable(graphOf(links), ['n0'], { maxDepth });
    const hops = hopsOf(links)[0] as number[];
    assert.deepEqual([...found.souls].sort(), [...hops.keys()].filter((to) => (hops[to] as number) <= maxDepth).map((to) => `n${to}`).sort());
    assert.equal(found.limitedBy, hops.some((far) => far > maxDepth && far < Number.POSITIVE_INFINITY) ? 'maxDepth' : undefined);
  }), { seed: 13 });
});

test('a shortest path has as many links as there are hops, and each leads on from the one before', async () => {
  await fc.assert(fc.asyncProperty(anyLinks, async (links) => {
    const graph = graphOf(links);
    const hops = hopsOf(links);
    for (const from of links.keys()) for (const to of links.keys()) {
      const path = await shortestPath(graph, `n${from}`, `n${to}`);
      if (!path.found) assert.equal(at(hops, from, to), Number.POSITIVE_INFINITY);
      else {
        assert.equal(path.edges.length, at(hops, from, to));
        follows(path.edges, `n${from}`, `n${to}`);
      }
    }
  }), { seed: 14, numRuns: 40 });
});

test('a path within maxDepth is found, and one beyond it is said to be cut off', async () => {
  const graph = graphOf([[1], [2], [3], []]);
  assert.equal((await shortestPath(graph, 'n0', 'n2', { maxDepth: 2 })).found, true);
  assert.deepEqual(await shortestPath(graph, 'n0', 'n3', { maxDepth: 2 }), { found: false, limitedBy: 'maxDepth' });
  assert.deepEqual(await shortestPath(graph, 'n3', 'n0'), { found: false, limitedBy: undefined });
});

test('the knots of a graph are its sets of nodes that all reach each other, each with a real cycle', async () => {
  await fc.assert(fc.asyncProperty(anyLinks, async (links) => {
    const hops = hopsOf(links);
    const together = (a: number, b: number): boolean => at(hops, a, b) < Number.POSITIVE_INFINITY && at(hops, b, a) < Number.POSITIVE_INFINITY;
    const expected = [...links.keys()].map((from) => [...links.keys()].filter((to) => together(from, to)))
      .filter((members, from) => members[0] === from && (members.length > 1 || links[from]?.includes(from)));
    const found = await listOf(cycles(graphOf(links), links.map((_, from) => `n${from}`)));
    assert.deepEqual(found.map(({ souls }) => souls.toSorted().join()).sort(), expected.map((members) => members.map((member) => `n${member}`).sort().join()).sort());
    for (const { souls, edges } of found) {
      assert.ok(edges.length > 0);
      follows(edges, souls[0] as string, souls[0] as string);
      for (const { target } of edges) assert.ok(souls.includes(target));
    }
  }), { seed: 15 });
});

test('chains and rings of 100,000 nodes neither recurse nor exceed their limits', async () => {
  const graph = new MemoryGraph();
  for (let from = 0; from < 100_000; from++) graph.link(`${from}`, `${(from + 1) % 100_000}`, 'next');
  for (const order of ['breadth', 'depth'] as const) {
    const steps = walk(graph, ['0'], { order, maxNodes: 80_000 });
    assert.equal((await listOf(steps)).length, 80_000);
    assert.equal(steps.limitedBy, 'maxNodes');
  }
  const path = await shortestPath(graph, '0', '60000');
  assert.ok(path.found && path.edges.length === 60_000);
  const [knot, ...others] = await listOf(cycles(graph, ['7'], { maxNodes: 150_000 }));
  assert.equal(knot?.edges.length, 100_000);
  assert.equal(others.length, 0);
});

test('a node with more links than maxEdges is walked as far as that', async () => {
  const graph = new MemoryGraph();
  for (let to = 0; to < 50; to++) graph.link('hub', `leaf${to}`);
  const steps = walk(graph, ['hub'], { maxEdges: 20 });
  assert.equal((await listOf(steps)).length, 21);
  assert.equal(steps.limitedBy, 'maxEdges');
  assert.equal((await listOf(steps)).length, 21, 'each iteration begins anew');
});

test('a walk that is left early loads little, and a failing reader fails the walk', async () => {
  const graph = new MemoryGraph();
  for (let to = 0; to < 5_000; to++) graph.link('hub', `leaf${to}`);
  for await (const { soul } of walk(graph, ['hub'])) if (soul === 'leaf0') break;
  assert.ok(graph.loads < 100, `${graph.loads} loads`);
  const broken = { load: (soul: string) => (soul === 'leaf3' ? Promise.reject(new Error('no disk')) : graph.load(soul)) };
  await assert.rejects(listOf(walk(broken, ['hub'])), /no disk/);
});

test('a walk over a graph in memory lets others run meanwhile', async () => {
  const graph = new MemoryGraph();
  for (let to = 0; to < 20_000; to++) graph.link('hub', `leaf${to}`);
  let turns = 0;
  let walking = true;
  const other = (): void => void (walking && (turns++, setImmediate(other)));
  setImmediate(other);
  for (const order of ['breadth', 'depth'] as const) await listOf(walk(graph, ['hub'], { order, clock: { monotonicMs: () => graph.loads, sleep: () => new Promise(setImmediate) } }));
  walking = false;
  assert.ok(turns > 5_000, `${turns} turns of others`);
});

test('names such as __proto__ are souls and keys like any other', async () => {
  const graph = new MemoryGraph();
  graph.link('__proto__', 'constructor', '__proto__');
  graph.link('constructor', '__proto__', 'toString');
  assert.deepEqual(soulsOf(await listOf(walk(graph, ['__proto__']))), ['__proto__', 'constructor']);
  assert.equal((await listOf(cycles(graph, ['constructor']))).length, 1);
});

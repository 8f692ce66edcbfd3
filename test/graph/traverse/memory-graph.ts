/** Graphs for the tests of this folder, by hand and by chance, behind the reader's contract. */
import fc from 'fast-check';
import { GraphNode } from '../../../src/graph/data/node.ts';
import type { Value } from '../../../src/graph/data/types.ts';
import type { NodeChange, Watcher } from '../../../src/graph/replica/replica.ts';

export class MemoryGraph {
  readonly nodes = new Map<string, GraphNode>();
  loads = 0;
  readonly #watchers = new Set<Watcher>();
  #state = 0;

  set(soul: string, key: string, value: Value): void {
    const node = this.nodes.get(soul) ?? new GraphNode(soul);
    this.nodes.set(soul, node);
    const field = { key, value, state: ++this.#state };
    node.set(key, value, field.state);
    const change: NodeChange = { soul, fields: [field], node, origin: 'local' };
    for (const watcher of this.#watchers) watcher(change);
  }

  link(source: string, target: string, key = target): void {
    this.set(source, key, { '#': target });
  }

  async load(soul: string): Promise<GraphNode | undefined> {
    this.loads++;
    return this.nodes.get(soul);
  }

  async *souls(): AsyncGenerator<string, void, void> {
    yield* [...this.nodes.keys()].sort();
  }

  watchAll(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

export async function listOf<T>(steps: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const step of steps) list.push(step);
  return list;
}

/** `links[n]` are the targets of node n, in order. */
export const anyLinks = fc.integer({ min: 1, max: 14 }).chain((count) =>
  fc.array(fc.array(fc.integer({ min: 0, max: count - 1 }), { maxLength: 5 }), { minLength: count, maxLength: count }));

/** Each node n<i> has the text `name` and its links under keys of their own. */
export function graphOf(links: readonly (readonly number[])[]): MemoryGraph {
  const graph = new MemoryGraph();
  for (const [from, targets] of links.entries()) {
    graph.set(`n${from}`, 'name', `node ${from}`);
    for (const [at, target] of targets.entries()) graph.link(`n${from}`, `n${target}`, `to${at}`);
  }
  return graph;
}

/** Runs of links between all pairs, by Floyd and Warshall: `hops[a][b]`, Infinity without a way; a node is 0 from itself. */
export function hopsOf(links: readonly (readonly number[])[]): number[][] {
  const hops = links.map((targets, from) => links.map((_, to) => (from === to ? 0 : targets.includes(to) ? 1 : Number.POSITIVE_INFINITY)));
  for (const via of links.keys()) for (const from of links.keys()) for (const to of links.keys()) {
    (hops[from] as number[])[to] = Math.min(at(hops, from, to), at(hops, from, via) + at(hops, via, to));
  }
  return hops;
}

export function at(hops: readonly (readonly number[])[], from: number, to: number): number {
  return hops[from]?.[to] as number;
}

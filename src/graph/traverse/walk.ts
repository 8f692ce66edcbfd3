import { systemClock } from '../../std/std.ts';
import type { GraphNode } from '../data/node.ts';
import { limitsOf, outEdges, type Edge, type GraphReader, type LimitName, type TraverseOptions } from './reader.ts';
import { Slices } from './slices.ts';

/** So many nodes are asked for before their turn, since a store answers several as quickly as one. */
const loadAhead = 32;

export interface Visit {
  readonly soul: string;
  /** Undefined where a link leads to a soul without data. */
  readonly node: GraphNode | undefined;
  /** Links between the root and this node; 0 for a root. */
  readonly depth: number;
  /** The link by which it was found; undefined for a root. */
  readonly via: Edge | undefined;
  /** What leads on from here, whether or not it was seen before. */
  readonly edges: readonly Edge[];
}

export interface Walk extends AsyncIterable<Visit> {
  /** The first limit that cut something off; undefined after a walk that saw all. */
  readonly limitedBy: LimitName | undefined;
}

export interface WalkOptions extends TraverseOptions {
  /**
   * `breadth` (default) visits by distance; `depth` follows a branch to its end first (preorder). With `depth` and
   * `maxDepth` a node that was first met at the limit is not expanded, although a shorter way to it may exist.
   */
  readonly order?: 'breadth' | 'depth';
}

/** Visits every node that can be reached from the roots, once. Each iteration begins anew. */
export function walk(reader: GraphReader, roots: Iterable<string>, options: WalkOptions = {}): Walk {
  const scope = new Scope(reader, options);
  const order = options.order === 'depth' ? depthFirst : breadthFirst;
  return {
    get limitedBy() {
      return scope.limitedBy;
    },
    [Symbol.asyncIterator]: () => order(scope.begin(), roots),
  };
}

/** All souls that can be reached from the roots, the roots included. */
export async function reachable(reader: GraphReader, roots: Iterable<string>, options: TraverseOptions = {}): Promise<{ readonly souls: ReadonlySet<string>; readonly limitedBy: LimitName | undefined }> {
  const souls = new Set<string>();
  const steps = walk(reader, roots, options);
  for await (const { soul } of steps) souls.add(soul);
  return { souls, limitedBy: steps.limitedBy };
}

/** What has been seen of a graph, and which limit was met. */
class Scope {
  limitedBy: LimitName | undefined;
  readonly slices: Slices;
  #seen = new Set<string>();
  #edges = 0;
  readonly #reader: GraphReader;
  readonly #expand;
  readonly #limits;

  constructor(reader: GraphReader, options: TraverseOptions) {
    this.slices = new Slices(options.clock ?? systemClock);
    this.#reader = reader;
    this.#expand = options.expand ?? outEdges;
    this.#limits = limitsOf(options);
  }

  begin(): this {
    this.#seen = new Set();
    this.#edges = 0;
    this.limitedBy = undefined;
    return this;
  }

  load(soul: string): Promise<GraphNode | undefined> {
    return this.#reader.load(soul);
  }

  /** True when the soul is new and there is room for it. */
  enter(soul: string): boolean {
    if (this.#seen.has(soul)) return false;
    if (this.#seen.size >= this.#limits.maxNodes) {
      this.limitedBy ??= 'maxNodes';
      return false;
    }
    this.#seen.add(soul);
    return true;
  }

  visit(found: Found, node: GraphNode | undefined): Visit {
    const edges = this.#expand(found.soul, node);
    const room = this.#limits.maxEdges - this.#edges;
    if (edges.length > room) this.limitedBy ??= 'maxEdges';
    const kept = edges.length > room ? edges.slice(0, room) : edges;
    this.#edges += kept.length;
    return { soul: found.soul, node, depth: found.depth, via: found.via, edges: kept };
  }

  /** The links to follow from a visit: none at the greatest depth. */
  onward(visit: Visit): readonly Edge[] {
    if (visit.depth < this.#limits.maxDepth) return visit.edges;
    if (visit.edges.some(({ target }) => !this.#seen.has(target))) this.limitedBy ??= 'maxDepth';
    return [];
  }
}

interface Found {
  readonly soul: string;
  readonly depth: number;
  readonly via: Edge | undefined;
}

async function* breadthFirst(scope: Scope, roots: Iterable<string>): AsyncGenerator<Visit, void, void> {
  let queue: Found[] = [];
  for (const soul of roots) if (scope.enter(soul)) queue.push({ soul, depth: 0, via: undefined });
  while (queue.length > 0) {
    const next: Found[] = [];
    const loading: Promise<GraphNode | undefined>[] = [];
    for (const [at, found] of queue.entries()) {
      while (loading.length < Math.min(at + loadAhead, queue.length)) loading.push(quiet(scope.load((queue[loading.length] as Found).soul)));
      const visit = scope.visit(found, await loading[at]);
      for (const via of scope.onward(visit)) if (scope.enter(via.target)) next.push({ soul: via.target, depth: found.depth + 1, via });
      yield visit;
      const pause = scope.slices.over();
      if (pause) await pause;
    }
    queue = next;
  }
}

async function* depthFirst(scope: Scope, roots: Iterable<string>): AsyncGenerator<Visit, void, void> {
  for (const soul of roots) {
    if (!scope.enter(soul)) continue;
    const root = scope.visit({ soul, depth: 0, via: undefined }, await scope.load(soul));
    yield root;
    const open = [{ depth: 0, edges: scope.onward(root).values() }];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const step = top.edges.next();
      if (step.done) open.pop();
      else if (scope.enter(step.value.target)) {
        const found = { soul: step.value.target, depth: top.depth + 1, via: step.value };
        const visit = scope.visit(found, await scope.load(found.soul));
        yield visit;
        const pause = scope.slices.over();
        if (pause) await pause;
        open.push({ depth: found.depth, edges: scope.onward(visit).values() });
      }
    }
  }
}

/** A failure is heard by who awaits it; a walk that was left does not. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

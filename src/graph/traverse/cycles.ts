import { systemClock } from '../../std/std.ts';
import { shortestCycle } from './path.ts';
import { limitsOf, outEdges, type Edge, type GraphReader, type LimitName, type TraverseOptions } from './reader.ts';
import { Slices } from './slices.ts';

export interface Cycle {
  /** Souls of which each reaches each (a strongly connected component), in no special order. */
  readonly souls: readonly string[];
  /** A shortest way around through the first of them. */
  readonly edges: readonly Edge[];
}

export interface Cycles extends AsyncIterable<Cycle> {
  /** The first limit that cut something off; undefined when all was seen. */
  readonly limitedBy: LimitName | undefined;
}

/**
 * Every knot of circular references that can be reached from the roots, each once, with one cycle of it as a witness.
 * (All cycles are not listed: twenty nodes that know each other have more than 10^17.)
 */
export function cycles(reader: GraphReader, roots: Iterable<string>, options: TraverseOptions = {}): Cycles {
  const state: { limitedBy: LimitName | undefined } = { limitedBy: undefined };
  return {
    get limitedBy() {
      return state.limitedBy;
    },
    async *[Symbol.asyncIterator]() {
      state.limitedBy = undefined;
      const expand = options.expand ?? outEdges;
      for await (const souls of components(reader, roots, options, (name) => (state.limitedBy ??= name))) {
        const inside = new Set(souls);
        const within = { maxNodes: souls.length, maxEdges: Number.POSITIVE_INFINITY, expand: (...[soul, node]: Parameters<typeof expand>) => expand(soul, node).filter(({ target }) => inside.has(target)) };
        const way = await shortestCycle(reader, souls[0] as string, within);
        if (way.found) yield { souls, edges: way.edges };
      }
    },
  };
}

interface Open {
  readonly soul: string;
  readonly index: number;
  low: number;
  /** It links to itself. */
  loop: boolean;
  readonly edges: IterableIterator<Edge>;
}

/** Tarjan's algorithm with a stack of its own; components of one soul only where it links to itself. */
async function* components(reader: GraphReader, roots: Iterable<string>, options: TraverseOptions, limited: (name: LimitName) => void): AsyncGenerator<readonly string[], void, void> {
  const { maxNodes, maxDepth, maxEdges } = limitsOf(options);
  const expand = options.expand ?? outEdges;
  /** By soul: its number in order of discovery, and Infinity once its component is complete. */
  const order = new Map<string, number>();
  const path: string[] = [];
  const slices = new Slices(options.clock ?? systemClock);
  let looked = 0;

  const enter = async (soul: string, depth: number): Promise<Open | undefined> => {
    if (order.size >= maxNodes) return void limited('maxNodes');
    const index = order.size;
    order.set(soul, index);
    path.push(soul);
    const pause = slices.over();
    if (pause) await pause;
    const edges = expand(soul, await reader.load(soul));
    if (edges.length > maxEdges - looked) limited('maxEdges');
    if (edges.length > 0 && depth >= maxDepth) limited('maxDepth');
    const kept = depth >= maxDepth ? [] : edges.slice(0, maxEdges - looked);
    looked += kept.length;
    return { soul, index, low: index, loop: false, edges: kept.values() };
  };

  for (const root of roots) {
    const first = order.has(root) ? undefined : await enter(root, 0);
    const open = first === undefined ? [] : [first];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const step = top.edges.next();
      if (!step.done) {
        const known = order.get(step.value.target);
        if (known !== undefined) {
          top.low = Math.min(top.low, known);
          top.loop ||= step.value.target === top.soul;
        } else {
          const next = await enter(step.value.target, open.length);
          if (next !== undefined) open.push(next);
        }
        continue;
      }
      open.pop();
      const under = open.at(-1);
      if (under !== undefined) under.low = Math.min(under.low, top.low);
      if (top.low !== top.index) continue;
      const members = path.splice(path.lastIndexOf(top.soul));
      for (const soul of members) order.set(soul, Number.POSITIVE_INFINITY);
      if (members.length > 1 || top.loop) yield members;
    }
  }
}

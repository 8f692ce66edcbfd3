import type { Edge, GraphReader, LimitName, TraverseOptions } from './reader.ts';
import { walk } from './walk.ts';

/** `edges` lead from one soul to the other, none when they are the same. Without a path: the limit that cut the search, if one did. */
export type Path =
  | { readonly found: true; readonly edges: readonly Edge[] }
  | { readonly found: false; readonly limitedBy: LimitName | undefined };

/** A path with the fewest links. */
export async function shortestPath(reader: GraphReader, from: string, to: string, options: TraverseOptions = {}): Promise<Path> {
  if (from === to) return { found: true, edges: [] };
  return search(reader, from, to, options);
}

/** A shortest way from a soul back to itself. */
export function shortestCycle(reader: GraphReader, soul: string, options: TraverseOptions = {}): Promise<Path> {
  return search(reader, soul, soul, options);
}

async function search(reader: GraphReader, from: string, to: string, options: TraverseOptions): Promise<Path> {
  const arrivals = new Map<string, Edge>();
  const steps = walk(reader, [from], options);
  for await (const { soul, depth, edges } of steps) {
    if (depth >= (options.maxDepth ?? Number.POSITIVE_INFINITY)) continue;
    for (const edge of edges) {
      if (edge.target === to) return { found: true, edges: trace(arrivals, from, soul, edge) };
      if (edge.target !== from && !arrivals.has(edge.target)) arrivals.set(edge.target, edge);
    }
  }
  return { found: false, limitedBy: steps.limitedBy };
}

/** The way from `from` to `soul`, and `last` after it. */
function trace(arrivals: ReadonlyMap<string, Edge>, from: string, soul: string, last: Edge): readonly Edge[] {
  const back = [last];
  for (let at = soul; at !== from; ) {
    const edge = arrivals.get(at) as Edge;
    back.push(edge);
    at = edge.source;
  }
  return back.reverse();
}

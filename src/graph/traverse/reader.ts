/**
 * What a walk needs of a graph: nodes by soul. A `GraphPeer`, a `Replica` and a `GraphStore` behind a line of code all are readers.
 *
 * Promises: nothing here recurses, so neither the depth of a graph nor its cycles end a walk; memory is bounded by
 * `maxNodes`. A walk that stopped at a limit says at which. Every 5 ms it lets others run.
 */
import type { Clock } from '../../std/std.ts';
import type { GraphNode } from '../data/node.ts';
import type { Lex } from '../data/types.ts';

export interface GraphReader {
  load(soul: string): Promise<GraphNode | undefined>;
}

/** A reader that can also name all of its souls. */
export interface GraphSource extends GraphReader {
  souls(lex?: Lex): AsyncIterable<string>;
}

/** A link: the field `key` of `source` holds `target`. */
export interface Edge {
  readonly source: string;
  readonly key: string;
  readonly target: string;
  readonly state: number;
}

export type LimitName = 'maxNodes' | 'maxDepth' | 'maxEdges';

/** Chooses the edges to follow. `node` is undefined where a link leads to a soul without data. */
export type Expand = (soul: string, node: GraphNode | undefined) => readonly Edge[];

export interface TraverseOptions {
  /** Souls that are found, the roots included. Default 100,000. */
  readonly maxNodes?: number;
  /** Links between a root and a node. Default: no limit. */
  readonly maxDepth?: number;
  /** Links that are looked at in all. Default 1,000,000. */
  readonly maxEdges?: number;
  /** Default: the links of the node, in the order of its keys. `LinkIndex.expand` walks against the links. */
  readonly expand?: Expand;
  /** Tells when it is time to let others run. Default: the system's. */
  readonly clock?: Pick<Clock, 'monotonicMs' | 'sleep'>;
}

export interface Limits {
  readonly maxNodes: number;
  readonly maxDepth: number;
  readonly maxEdges: number;
}

export function limitsOf(options: TraverseOptions): Limits {
  return {
    maxNodes: options.maxNodes ?? 100_000,
    maxDepth: options.maxDepth ?? Number.POSITIVE_INFINITY,
    maxEdges: options.maxEdges ?? 1_000_000,
  };
}

/** The links of a node, in the order of its keys. */
export function outEdges(soul: string, node: GraphNode | undefined): readonly Edge[] {
  if (node === undefined) return [];
  const edges: Edge[] = [];
  for (const { key, value, state } of node.fields()) {
    if (typeof value === 'object' && value !== null) edges.push({ source: soul, key, target: value['#'], state });
  }
  return edges;
}

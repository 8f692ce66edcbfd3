/**
 * One copy of the graph: nodes in memory over a store, merged by HAM, watched by whoever asks.
 *
 * Promises: any order and repetition of the same deltas ends in the same graph (`test/graph/replica`); watchers hear
 * of a field once for each accepted write, after it can be read; `stored` settles when the store has it.
 * States ahead of the clock wait and are merged when their time comes; those more than `futureLimitMs` ahead are refused.
 * Memory is bounded: nodes that nobody watches and that the store has are let go, the least recently used first.
 * Never: network, signatures, policy. Those are `peer/`.
 */
import type { Delta, Field, Lex } from '../data/types.ts';
import type { GraphNode } from '../data/node.ts';

/** Where a write came from. `store`: fields that were loaded, which nobody wrote now. */
export type Origin = 'local' | 'peer' | 'deferred';

/** What watchers hear: the fields that changed, and the node as it is now (do not keep it, do not change it). */
export interface NodeChange {
  readonly soul: string;
  readonly fields: readonly Field[];
  readonly node: GraphNode;
  readonly origin: Origin;
}

export type Watcher = (change: NodeChange) => void;

export interface Merge {
  /** The same as `applied` gives, at once, when the merge was synchronous. */
  readonly now: Applied | undefined;
  /** What HAM took; empty when nothing was news. Known at once where all nodes are in memory. */
  readonly applied: Promise<Applied>;
  /**
   * Settles when every field of the call is stored as the store promises, or lost against one that is; fails with the
   * store's error. Fields that wait for their time are not among them.
   */
  readonly stored: Promise<void>;
}

export interface Applied {
  readonly accepted: readonly Delta[];
  /** Fields that lost against what was known. */
  readonly old: number;
  /** Fields whose time has not come. They are merged (and stored) by then. */
  readonly deferred: number;
  /** What becomes of those, one merge for each state among them. */
  readonly later: readonly Promise<Merge>[];
  /** Fields that were too far in the future, or more than can wait. */
  readonly refused: number;
}

export interface Replica {
  /** The time of the graph: strictly rising, never the same twice, with fractions in one millisecond. */
  nextState(): number;
  /** Memory only: undefined when the node is not in memory, although the store may have it. */
  peek(soul: string): GraphNode | undefined;
  /** True when `peek` tells the whole truth of this soul: it is in memory, or known to be nowhere. */
  resident(soul: string): boolean;
  /** From memory, else from the store, after all merges of this soul that were called before. */
  load(soul: string): Promise<GraphNode | undefined>;
  /** Fields of a range, without loading the whole node where it is not in memory. */
  range(soul: string, lex: Lex): Promise<GraphNode | undefined>;
  /**
   * Merged synchronously, watchers included, when every soul is resident; otherwise in order of calls, soul by soul.
   * Fails with TOO_MANY, and changes nothing, while more waits for the store than the limits allow.
   */
  merge(deltas: readonly Delta[], origin: Origin): Merge;
  /** Keeps the node in memory while watched. The listener runs inside the merge and must not throw. */
  watch(soul: string, watcher: Watcher): () => void;
  watchAll(watcher: Watcher): () => void;
  /** Every soul, in memory or stored, in byte order. */
  souls(lex?: Lex): AsyncIterable<string>;
  /**
   * Order-independent digest of fields whose soul falls in each of 2^16 buckets (`reconcile/digest.ts`), kept up to date
   * by every merge. Undefined until it was built over the store.
   */
  digest(): Digest | undefined;
  stats(): ReplicaStats;
  /** Resolves when everything accepted is stored. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface Digest {
  /** Of the whole graph, 16 hexadecimal digits. Two replicas with the same fields and states have the same. */
  readonly root: string;
  /** Two 32-bit words a bucket: `[2 * bucket]` and `[2 * bucket + 1]`. */
  readonly buckets: Uint32Array;
}

export interface ReplicaStats {
  readonly nodesInMemory: number;
  readonly fieldsInMemory: number;
  readonly watched: number;
  readonly deferred: number;
  readonly accepted: number;
  readonly old: number;
  readonly refused: number;
  /** Fields accepted and not yet stored. */
  readonly unstored: number;
  /** Writes that the store failed. Their fields stay `unstored` and are written again. */
  readonly failedWrites: number;
}

import type { Delta, Lex } from '../data/types.ts';
import type { GraphNode } from '../data/node.ts';

/**
 * The nodes as a replica has them at hand. Two variants: `shared.ts` over a store that is memory itself, `cached.ts`
 * over one that is not.
 */
export interface Copy {
  /** Undefined when the node is not in memory. */
  peek(soul: string): GraphNode | undefined;
  /** In memory, or known to be nowhere. */
  resident(soul: string): boolean;
  /** Calls `then` once every soul is resident, after all earlier calls that named one of them. Fails with the store's error. */
  whenResident<T>(souls: readonly string[], then: () => T): Promise<T>;
  /** Sets fields that HAM accepted; they can be read at once. `node` as `peek` gave it. */
  take(delta: Delta, node: GraphNode | undefined): void;
  /** Told of each soul that was in the store at the start, and of the end of them: then others are known to be nowhere. */
  stores?(soul: string): void;
  storesNoMore?(): void;
  /** Of everything taken so far. */
  stored(): Promise<void>;
  range(soul: string, lex: Lex): Promise<GraphNode | undefined>;
  souls(lex?: Lex): AsyncIterable<string>;
  /** Lets nodes go that are over the bound. To be called between merges only. */
  trim(): void;
  /** Fields taken that are not stored. */
  unstored(): number;
  stats(): CopyStats;
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface CopyStats {
  readonly nodesInMemory: number;
  readonly fieldsInMemory: number;
  readonly unstored: number;
  readonly failedWrites: number;
}

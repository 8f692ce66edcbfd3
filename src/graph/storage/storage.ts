/**
 * Where a graph outlives the process. One contract, one conformance suite (`test/conformance/graph-store.ts`).
 *
 * Promises: `write` settles when all of its deltas are where `durability` says, and is atomic per delta; a
 * crash loses nothing that settled. The store decides nothing about conflicts: it is told what the graph
 * accepted, and keeps the field with the higher state when two writes of one field meet in it.
 * Never: a partial node. `read` gives a node with all fields that were written.
 */
import type { Delta, Lex } from '../data/types.ts';
import type { GraphNode } from '../data/node.ts';

export interface GraphStore {
  readonly name: string;
  /** What a settled write survives: nothing, the death of this process and power loss, or that of this machine. */
  readonly durability: 'memory' | 'disk' | 'remote';
  /**
   * Only stores in memory have it: the node itself, at once, for the caller to read and not to change. What is given to
   * their `write` can be read so before its promise settles.
   */
  peek?(soul: string): GraphNode | undefined;
  /** In the order of `souls`; undefined where nothing is stored. */
  read(souls: readonly string[]): Promise<(GraphNode | undefined)[]>;
  /**
   * Some fields of one node, in order of key by UTF-8 bytes (reverse when the lex says so), without reading the rest of it.
   * The lex's `%` bounds the answer in bytes of key and value; at least one field is given.
   */
  range(soul: string, lex: Lex): Promise<GraphNode | undefined>;
  /** Souls in byte order that match. */
  souls(lex?: Lex): AsyncIterable<string>;
  write(deltas: readonly Delta[]): Promise<void>;
  /** Counts that cost nothing to know. */
  stats(): { readonly writes: number; readonly fields: number; readonly bytes: number };
  close(): Promise<void>;
}

/**
 * The durable embedded key-value store under catalogue, registry and certificates.
 *
 * Promises: a settled `put`, `delete` or `batch` is on disk; a batch is atomic; iteration is by key bytes.
 * Which library and why: `docs/internals/kv.md`.
 */
export type KvOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string };

export interface KeyValueStore {
  readonly name: string;
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  batch(operations: readonly KvOperation[]): Promise<void>;
  /** Entries whose key begins with `prefix`, in order of key; `after` begins behind that key. */
  entries(prefix: string, options?: { after?: string; limit?: number }): AsyncIterable<readonly [string, Uint8Array]>;
  close(): Promise<void>;
}

export { levelError, openDurableKv } from './durable.ts';
export { MemoryKv } from './memory.ts';

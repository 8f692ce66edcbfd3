/**
 * The shard store: append-only volumes, one index, group commit.
 *
 * Promises: a record whose `put` (or whose following `sync`) settled with durability `fsync` survives
 * kill −9 and power loss. A torn tail is cut at start. A missing, unmarked, foreign or read-only
 * directory is an error with its own code, never an empty store. Used space is known in constant time.
 * May lose: records put with durability `memory` and not yet synced.
 * Never: overwrites in place, one file per shard, or reclaims what is merely unknown.
 *
 * Format: `schema/volume.md`, the same for every backend, so a directory written by one opens in another.
 */
import type { Body } from '../body/body.ts';

/** What a record holds. */
export const recordKind = { shard: 0, header: 1, page: 2, manifest: 3, holders: 4, tombstone: 5, foreign: 6 } as const;
export type RecordKind = (typeof recordKind)[keyof typeof recordKind];

/** Last write wins for equal keys. */
export interface RecordKey {
  /** 32 bytes: the root, or the upload id while the root is not known yet (see objects). */
  readonly object: Uint8Array;
  readonly kind: RecordKind;
  readonly stripe: number;
  /** Shard row 0–11; number of the page or 0 for other kinds. */
  readonly row: number;
}

export interface StoreRecord {
  readonly key: RecordKey;
  /** BLAKE3-256 of the payload; checked before the record is written (`SHARD_MISMATCH`). */
  readonly identity: Uint8Array;
  readonly payload: Body;
}

export interface RecordInfo {
  readonly key: RecordKey;
  readonly identity: Uint8Array;
  readonly byteLength: number;
}

/** `memory`: written, will be on disk after the next sync. `fsync`: on disk when the promise resolves. */
export type Durability = 'memory' | 'fsync';

export interface StoreUsage {
  /** Bytes of live records with their headers. */
  readonly liveBytes: number;
  /** Bytes in volumes that no live record needs. */
  readonly garbageBytes: number;
  readonly records: number;
  readonly volumes: number;
  /** What the file system or the quota still gives; whichever is less. */
  readonly freeBytes: number;
}

export interface ShardStore {
  readonly name: 'native' | 'node-fs' | 'memory';
  /** All or nothing is not promised across records; order is. Many callers share one fsync (group commit). */
  put(records: readonly StoreRecord[], durability: Durability): Promise<void>;
  /** The payload, or a range of it, checked: a whole read verifies the identity (`CORRUPT` when the disk lies). */
  get(key: RecordKey, range?: { readonly offset: number; readonly length: number }): Promise<Body | undefined>;
  /** From the index, no disk access. */
  stat(key: RecordKey): RecordInfo | undefined;
  /** Records of one object, from the index. */
  records(object: Uint8Array): readonly RecordInfo[];
  /** Objects with at least one record of this kind, from the index. */
  objects(kind: RecordKind): readonly Uint8Array[];
  /** Removes durably: after the promise resolves the records do not come back by a restart. */
  remove(keys: readonly RecordKey[]): Promise<void>;
  /** Everything put so far is on disk when it resolves. */
  sync(): Promise<void>;
  /** Rewrites volumes whose garbage exceeds a share, while serving; returns reclaimed bytes. */
  compact(): Promise<number>;
  usage(): StoreUsage;
  /** Syncs and closes; later calls fail with `STORE_CLOSED`. Safe to repeat. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** The store's own directory; `create` makes it and writes the marker, without it a missing one is `STORE_MISSING`. */
  readonly directory: string;
  readonly create: boolean;
  /** PeerId of the node: another node's directory is `STORE_FOREIGN`. */
  readonly owner: string;
  /** Volume size at which a new one begins. Default 1 GiB. */
  readonly volumeBytes?: number;
  /** Upper bound for live and garbage bytes together. Default: none but the disk's. */
  readonly quotaBytes?: number;
  /** Told at open, a line each, of bytes that were found damaged or gone; what is left is served. */
  readonly onDamage?: (line: string) => void;
}

export { openNativeStore } from './backends/native.ts';
export { openNodeFsStore } from './backends/node-fs.ts';
export { MemoryStore } from './backends/memory.ts';

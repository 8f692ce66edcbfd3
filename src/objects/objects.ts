/**
 * Objects: put, get, repair, placement, manifest, link. Where plaintext becomes shards on other machines and back.
 *
 * Promises: an acknowledged put can be read back while any 8 of the 12 rows of every stripe survive; no byte is
 * returned that was not authenticated; repair restores lost rows without any key; a retried put with the same request id
 * stores nothing twice. Memory per put and get is bounded by a few stripes, whatever the object's size.
 * May lose: objects whose put was not acknowledged.
 * Never: puts a key on a node that only holds, lets a peer's claims about others steer placement.
 *
 * Rooms: `format/` the bytes and pure rules (layout, manifest, link, placement, directory), `put/` and `get/` the owner's side,
 * `holder/` the holder's side of the shard protocol, `repair/` what restores lost rows; here the engine that ties them.
 *
 * Why it is as it is: `docs/internals/objects.md`. Bytes: `schema/layout.md`, `schema/manifest.md`, `schema/link.md`.
 */
import type { Body } from '../body/body.ts';
import type { Codec, Compression } from '../codec/codec.ts';
import type { Dht } from '../dht/dht.ts';
import type { PeerId } from '../ids/ids.ts';
import type { KeyValueStore } from '../kv/kv.ts';
import type { PeerRegistry } from '../peers/peers.ts';
import type { Clock, Random } from '../std/std.ts';
import type { ShardStore } from '../store/store.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';
import type { Reply, Request, Transport } from '../transport/transport.ts';
import type { AckLevel, GetOptions, GetResult, ObjectInfo, ObjectRecord, PutOptions, PutResult, TrainOptions, TreeEntry } from './types.ts';

export type * from './types.ts';

/** Everything an object engine needs, by name. Time, randomness, network and disk are arguments: the simulation passes its own. */
export interface ObjectsDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly store: ShardStore;
  readonly transport: Transport;
  readonly dht: Dht;
  readonly peers: PeerRegistry;
  readonly kv: KeyValueStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly localPeer: PeerId;
  /** 32-byte key of the owner's object with this salt. */
  readonly objectKey: (salt: Uint8Array) => Uint8Array;
  /** 32 bytes under which a root is announced: the root in an open network, a keyed hash of it in a private one. */
  readonly announceKey: (root: Uint8Array) => Uint8Array;
  readonly settings: ObjectsSettings;
}

export interface ObjectsSettings {
  readonly segmentBytes: number;
  readonly compression: Compression;
  readonly ack: AckLevel;
  /** True when this node stores for others (and so takes part in placement itself). */
  readonly storing: boolean;
  /** Stripes under way at one time in a put; with segmentBytes it bounds the memory. */
  readonly putWindowStripes: number;
  readonly getWindowStripes: number;
  /** A get asks one more holder when an answer takes longer than this. */
  readonly hedgeAfterMs: number;
  readonly requestTimeoutMs: number;
  /** A holder silent for longer than this is replaced. */
  readonly repairGraceMs: number;
  /** Pause between two looks at the held objects. */
  readonly repairIntervalMs: number;
  /** Bytes of shards that are read or written for repair at one time. */
  readonly repairWindowBytes: number;
  /** Uploads that are not committed are dropped after this time. */
  readonly uploadExpiresMs: number;
  /** What one foreign peer may store here without a committed layout. */
  readonly uploadQuotaBytes: number;
}

export interface RepairReport {
  readonly objectsChecked: number;
  readonly shardsRestored: number;
  readonly objectsBelowTarget: number;
  readonly objectsUnreadable: number;
}

/** A row of a stripe and who was given it. */
export interface ShardPosition {
  readonly stripe: number;
  readonly row: number;
  readonly peer: PeerId;
}

export interface RepairState {
  readonly paused: boolean;
  /** Since the engine was opened. */
  readonly shardsRestored: number;
  readonly last: (RepairReport & { readonly endedMs: number }) | undefined;
}

/** Told as it happens. A listener neither blocks nor throws. */
export interface ObjectsEvents {
  put(record: ObjectRecord): void;
  /** By its owner here. `name` is empty where the catalogue did not have it. */
  removed(object: { readonly root: string; readonly name: string; readonly bytes: number }): void;
  repairRound(report: RepairReport): void;
  restored(root: string, shards: number): void;
  /** Fewer than 8 rows of a stripe are left; told once, until it is seen readable again. */
  unreadable(root: string): void;
  repairPaused(paused: boolean): void;
}

export interface Objects {
  put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult>;
  putTree(entries: AsyncIterable<TreeEntry>, options: PutOptions): Promise<PutResult>;
  /** Learns a dictionary from files like those that it is for, and puts it under a name, for the `dictionary` of later puts. */
  trainDictionary(samples: AsyncIterable<TreeEntry>, options: TrainOptions): Promise<PutResult>;
  get(reference: string, options?: GetOptions): Promise<GetResult>;
  getTree(reference: string, options?: GetOptions): Promise<{ name: string; entries: AsyncIterable<TreeEntry> }>;
  list(): AsyncIterable<ObjectRecord>;
  search(pattern: string): AsyncIterable<ObjectRecord>;
  info(reference: string): Promise<ObjectInfo>;
  /** Where the rows were put, in order; a row whose holder nobody knows any more is left out. */
  places(reference: string): Promise<readonly ShardPosition[]>;
  remove(reference: string): Promise<{ root: string; confirmed: number; holders: number }>;
  /** The holder's side of the shard protocol: policy, quotas, verification against layouts. Never throws for remote input. */
  handle(peer: PeerId, request: Request, body: Body): Promise<Reply>;
  /** One look at every held object now, without waiting for the interval. */
  repairOnce(): Promise<RepairReport>;
  /** Rounds stop until they are resumed or the node starts anew; what is under way ends, and `repairOnce` still looks. */
  pauseRepair(paused: boolean): void;
  repairState(): RepairState;
  on(events: Partial<ObjectsEvents>): void;
  counts(): { readonly held: number; readonly catalogue: number; readonly underRepair: number };
  /** Begins background work: announcing, repair, expiry of uploads. */
  start(): void;
  /** Ends background work and lets puts and gets under way finish until the deadline. */
  stop(deadlineMs: number): Promise<void>;
}

export { openObjects } from './engine.ts';
export { ForeignSpace, foreignPolicy, type ForeignDependencies } from './foreign/foreign.ts';
export { parseLink, formatLink, type Link } from './format/link.ts';

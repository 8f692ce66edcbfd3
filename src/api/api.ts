/**
 * What the node can do for a caller: one contract for command line, HTTP, RPC and library. Types only.
 */
import type { Capabilities, StagePlan } from '../capabilities/capabilities.ts';
import type { PeerRecord } from '../peers/peers.ts';

/** memory: in the holders' memory. some: fsync on 9 of 12 (8+1). all: fsync on every holder. */
export type AckLevel = 'memory' | 'some' | 'all';

export interface PutOptions {
  readonly name: string;
  readonly mediaType?: string;
  readonly ack?: AckLevel;
  /** Plaintext bytes when the caller knows them; a different count is an error. */
  readonly expectedBytes?: number;
  /** A retried put with the same id gives the first one's record. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

export interface ObjectRecord {
  /** 64 hex digits. */
  readonly root: string;
  /** `pangea:1:…`, a secret: never logged. */
  readonly link: string;
  readonly name: string;
  readonly kind: 'file' | 'directory';
  readonly bytes: number;
  readonly mediaType: string;
  readonly createdMs: number;
}

export interface PutResult extends ObjectRecord {
  readonly ack: {
    readonly asked: AckLevel;
    /** Holders that answered with fsync, of those that hold a part. */
    readonly fsynced: number;
    readonly holders: number;
  };
  /** How many holders may vanish with nothing lost. */
  readonly survivesFailures: number;
  /** Stored bytes over all holders. */
  readonly storedBytes: number;
  readonly seconds: number;
}

export interface ObjectInfo extends ObjectRecord {
  readonly storedBytes: number;
  readonly stripes: number;
  readonly mode: 'whole' | 'striped';
  /** Per holder that answered: which of its rows are there. */
  readonly holders: readonly { readonly peer: string; readonly shards: number; readonly live: boolean }[];
  readonly shardsPresent: number;
  readonly shardsTotal: number;
  readonly survivesFailures: number;
}

/** Where to read: a link, a root in the catalogue (64 hex), or a catalogue name. */
export type ObjectReference = string;

export interface GetOptions {
  readonly offset?: number;
  readonly length?: number;
  /** One path of a directory object. */
  readonly path?: string;
  readonly signal?: AbortSignal;
}

export interface GetResult {
  readonly name: string;
  readonly kind: 'file' | 'directory';
  /** Bytes that `content` will give. */
  readonly bytes: number;
  readonly mediaType: string;
  /** Verified plaintext, in order, in chunks of at most one segment. A chunk is valid until the next is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** One entry of a tree that is put or got as one object. Paths are relative, `/`-separated, without `..`. */
export interface TreeEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Permission bits. */
  readonly mode: number;
  readonly modifiedMs: number;
  readonly bytes: number;
  /** Where a symlink points; must stay inside the tree. */
  readonly target?: string;
  /** Content of a file; consumed before the next entry is asked for. */
  readonly content?: AsyncIterable<Uint8Array>;
}

export interface PeerView extends PeerRecord {
  readonly ambiguousLabel: boolean;
}

export interface NodeStatus {
  readonly version: string;
  readonly nodeId: number;
  readonly peerId: string;
  readonly network: 'open' | 'private';
  readonly startedMs: number;
  readonly ready: boolean;
  readonly parts: readonly { readonly part: string; readonly up: boolean; readonly detail: string }[];
  readonly peers: { readonly known: number; readonly connected: number };
  readonly store: { readonly liveBytes: number; readonly garbageBytes: number; readonly freeBytes: number; readonly records: number };
  readonly objects: { readonly held: number; readonly catalogue: number; readonly underRepair: number };
  readonly addresses: { readonly quic: readonly string[]; readonly dht: readonly string[]; readonly http: string; readonly rpc: string };
  readonly memoryBytes: number;
}

export interface Plan {
  readonly capabilities: Capabilities;
  readonly stages: readonly StagePlan[];
  readonly notes: readonly string[];
}

export interface NodeApi {
  put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult>;
  putTree(entries: AsyncIterable<TreeEntry>, options: PutOptions): Promise<PutResult>;
  get(reference: ObjectReference, options?: GetOptions): Promise<GetResult>;
  /** Entries in order, each file's content to be read before the next entry is asked for. */
  getTree(reference: ObjectReference, options?: GetOptions): Promise<{ name: string; entries: AsyncIterable<TreeEntry> }>;
  list(): AsyncIterable<ObjectRecord>;
  search(pattern: string): AsyncIterable<ObjectRecord>;
  info(reference: ObjectReference): Promise<ObjectInfo>;
  /** Deletes everywhere it can reach; says how many holders confirmed. */
  remove(reference: ObjectReference): Promise<{ readonly root: string; readonly confirmed: number; readonly holders: number }>;
  peers(): Promise<readonly PeerView[]>;
  connectPeer(address: string): Promise<{ readonly peer: string }>;
  revokePeer(peer: string): Promise<void>;
  plan(): Promise<Plan>;
  status(): Promise<NodeStatus>;
  invite(options: { readonly uses: number; readonly expiresMs: number }): Promise<{ readonly ticket: string }>;
}

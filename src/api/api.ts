/**
 * What the node can do for a caller: one contract for command line, HTTP, RPC and library. Types only.
 */
import type { CalibrationReport, Capabilities, StagePlan } from '../capabilities/capabilities.ts';
import type { GetOptions, GetResult, ObjectInfo, ObjectRecord, ObjectReference, PutOptions, PutResult, TrainOptions, TreeEntry } from '../objects/objects.ts';
import type { PeerRecord } from '../peers/peers.ts';

export type {
  AckLevel, PutOptions, ObjectRecord, PutResult, ObjectInfo, ObjectReference, GetOptions, GetResult, PutCompression, TrainOptions, TreeEntry,
} from '../objects/objects.ts';

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
  readonly calibration: CalibrationReport & { readonly ageMs: number };
  readonly notes: readonly string[];
}

export interface NodeApi {
  put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult>;
  putTree(entries: AsyncIterable<TreeEntry>, options: PutOptions): Promise<PutResult>;
  /** Learns a dictionary from samples, one a file, and stores it as an object. */
  trainDictionary(samples: AsyncIterable<TreeEntry>, options: TrainOptions): Promise<PutResult>;
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

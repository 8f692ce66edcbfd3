/**
 * What the node can do for a caller: one contract for command line, HTTP, RPC and library. Types only.
 */
import type { CalibrationReport, Capabilities, StagePlan } from '../capabilities/capabilities.ts';
import type { GetOptions, GetResult, ObjectInfo, ObjectRecord, ObjectReference, PutOptions, PutResult, TrainOptions, TreeEntry } from '../objects/objects.ts';
import type { PeerRecord } from '../peers/peers.ts';
import type { DoctorReport, FirewallView, NodeEvent, NodeEventKind, RepairAction, RepairView } from './events.ts';
import type { GraphApi, GraphStatus } from './graph.ts';
import type { MixedApi } from './mixed.ts';

export type {
  AckLevel, PutOptions, ObjectRecord, PutResult, ObjectInfo, ObjectReference, GetOptions, GetResult, PutCompression, TrainOptions, TreeEntry,
} from '../objects/objects.ts';

export type * from './events.ts';
export type * from './graph.ts';
export type * from './mixed.ts';

/** How a connected peer is reached: dialled, through a hole in a NAT, or over another node. */
export type PeerPath = 'direct' | 'punched' | 'relayed';

export interface PeerView extends PeerRecord {
  readonly ambiguousLabel: boolean;
  /** `undefined` when not connected. */
  readonly path: PeerPath | undefined;
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
  /** Whether others reach this node without help, as they themselves found; `unknown` until enough of them looked. */
  readonly reachability: 'public' | 'private' | 'unknown';
  /** Where the node serves a graph. */
  readonly graph?: GraphStatus | undefined;
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
  /** Prometheus text format 0.0.4. */
  metrics(): Promise<string>;
  /** The listener must not block. Returns what ends it. */
  subscribe(kinds: readonly NodeEventKind[], listener: (event: NodeEvent) => void): () => void;
  firewall(): Promise<FirewallView>;
  /** Replaces the allowlist until the next start or reload. Throws `CONFIG_INVALID`, and changes nothing then. */
  setFirewall(allow: readonly string[]): Promise<FirewallView>;
  repair(): Promise<RepairView>;
  /** `runOnce` resolves after the round. */
  controlRepair(action: RepairAction): Promise<RepairView>;
  /** Looks at every hop between this node and the world. Takes some seconds. */
  doctor(): Promise<DoctorReport>;
  readonly mixed: MixedApi;
  readonly graph: GraphApi;
}

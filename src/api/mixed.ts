/**
 * What a client of the existing Pangea network asks of any of its nodes, by labels (`--node-id`) instead of identities.
 * Claims that arrive here (`claim`) are shown to those who ask, and never steer placement, health or admission.
 */
import type { PeerView } from './api.ts';

export interface MixedNode {
  readonly label: number;
  /** 0 active, 1 purgatory (also: never heard from), 2 dead. */
  readonly status: 0 | 1 | 2;
  readonly latencyMs: number;
  readonly threatScore: number;
}

export interface LinkQuality {
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly packetLoss: number;
}

/** A row of a stripe and the label of a node that should have it. */
export interface ShardPlace {
  /** stripe × 12 + row. */
  readonly index: number;
  readonly label: number;
}

export interface UploadReport {
  readonly root: string;
  readonly name: string;
  readonly bytes: number;
  readonly places: readonly ShardPlace[];
  readonly createdMs: number;
}

/** The settings that the existing network's clients read and write; kept in the node's own database, applied to nothing. */
export interface MixedConfig {
  readonly nodeId: number;
  readonly capnpAddr: string;
  readonly libp2pPort: number;
  readonly useLibp2p: boolean;
  readonly localMode: boolean;
  readonly bootstrapPeers: readonly string[];
  /** RFC 3339, empty when never saved. */
  readonly lastSavedAt: string;
  readonly customSettings: Readonly<Record<string, string>>;
}

/** Unknown labels give `NOT_FOUND`; a label that two peers carry gives the one heard from last. */
export interface MixedApi {
  node(label: number): Promise<MixedNode>;
  /** This node first. */
  nodes(): Promise<readonly MixedNode[]>;
  claim(label: number, claim: { readonly latencyMs?: number; readonly threatScore?: number }): Promise<void>;
  /** Resolves at the next change of any node: what the old `streamUpdates` gives, one at a time. */
  nextUpdate(signal: AbortSignal): Promise<MixedNode>;
  /** Dials under the dial policy, QUIC first, then libp2p over TCP, and expects this label unless it is 0. */
  connect(label: number, host: string, port: number): Promise<LinkQuality>;
  disconnect(label: number): Promise<void>;
  connected(): Promise<readonly PeerView[]>;
  quality(label: number): Promise<LinkQuality>;
  /** At most 64 KiB. Resolves when the other node took it. */
  sendMessage(label: number, data: Uint8Array): Promise<void>;
  metrics(): Promise<{
    readonly avgRttMs: number; readonly packetLoss: number; readonly bandwidthMbps: number; readonly peerCount: number;
    readonly cpuUsage: number; readonly ioCapacity: number;
  }>;
  /** A whole block of at most 64 MiB under the node's own CES key: twelve shards. Level outside 1–19 takes the configured range. */
  cesProcess(data: Uint8Array, level: number): Promise<readonly Uint8Array[]>;
  cesReconstruct(shards: readonly (Uint8Array | undefined)[]): Promise<Uint8Array>;
  /** Puts an object; `preferred` labels are those of holders that the caller would like, a wish that placement may not follow. */
  upload(data: Uint8Array, preferred: readonly number[]): Promise<UploadReport>;
  /**
   * The object with this root when `upload` of this node made it, never another of the catalogue; else a block of `cesProcess`, its shards fetched from
   * the named nodes over `/pangea/rpc/1.0.0`.
   */
  download(fileHash: string, places: readonly ShardPlace[]): Promise<Uint8Array>;
  localMultiaddr(): Promise<string>;
  libp2pPeers(): Promise<readonly string[]>;
  mdnsDiscovered(): Promise<readonly { readonly peer: string; readonly multiaddrs: readonly string[]; readonly discoveredMs: number }[]>;
  connectMdns(peer: string): Promise<void>;
  loadConfig(): Promise<MixedConfig>;
  saveConfig(config: MixedConfig): Promise<void>;
}

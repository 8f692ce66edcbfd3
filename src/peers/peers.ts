/**
 * The node registry: who is out there, how well they answer, and whether they may hold shards.
 *
 * Values come from this node's own measurements only: pings, requests, verification failures. What a
 * remote peer or an RPC client claims about others is kept apart and never steers placement.
 * A peer never heard from has health `undefined`.
 */
import type { PeerId } from '../ids/ids.ts';

export const peerStatus = { active: 0, purgatory: 1, dead: 2 } as const;
export type PeerStatus = keyof typeof peerStatus;

export interface PeerRecord {
  readonly peer: PeerId;
  /** `--node-id`, a label; `undefined` until the peer said hello. Two peers may carry one label: shown as ambiguous, never merged. */
  readonly label: number | undefined;
  readonly status: PeerStatus;
  readonly latencyMs: number | undefined;
  readonly jitterMs: number | undefined;
  /** Lost pings, 0–1, moving average. */
  readonly packetLoss: number | undefined;
  /** 0–1, decays. */
  readonly threatScore: number;
  /** 0–1 by the registry's formula; `undefined` when never heard from. */
  readonly health: number | undefined;
  readonly lastSeenMs: number | undefined;
  readonly connected: boolean;
  readonly quicAddresses: readonly string[];
  readonly multiaddrs: readonly string[];
  readonly storing: boolean;
  readonly freeBytes: number | undefined;
  readonly failureDomain: string;
  readonly version: string | undefined;
}

/** What placement needs to know of one candidate. */
export interface PlacementPeer {
  readonly peer: PeerId;
  /** Relative share of shards, > 0, capped. */
  readonly weight: number;
  readonly failureDomain: string;
}

export interface PeerRegistry {
  get(peer: PeerId): PeerRecord | undefined;
  list(): readonly PeerRecord[];
  /** Adds or refreshes addresses and facts from the peer's own authenticated hello. */
  greeted(peer: PeerId, facts: {
    label: number; version: string; quicAddresses: readonly string[]; multiaddrs: readonly string[];
    storing: boolean; freeBytes: number; failureDomain: string;
  }): void;
  /** What the peer itself says it can still take. */
  room(peer: PeerId, freeBytes: number): void;
  /** Addresses heard elsewhere (DHT, mDNS): only where to dial, nothing else. */
  discovered(peer: PeerId, addresses: { quicAddresses?: readonly string[]; multiaddrs?: readonly string[] }): void;
  connected(peer: PeerId): void;
  disconnected(peer: PeerId): void;
  /** A ping that came back. */
  observeLatency(peer: PeerId, latencyMs: number): void;
  observeLoss(peer: PeerId): void;
  /** Adds to the threat score, e.g. 0.5 for bytes that fail verification. */
  observeThreat(peer: PeerId, amount: number, reason: string): void;
  forget(peer: PeerId): void;
  /** Peers that may hold new shards: storing, with room, active, heard from in the last minutes. Never the local node. */
  placementPeers(): readonly PlacementPeer[];
  /** True when the peer answered recently enough to be asked. `undefined` when not heard from yet. */
  isLive(peer: PeerId): boolean | undefined;
  /**
   * Milliseconds that the peer kept silent while this process was there to hear it; Infinity when never heard from.
   * After a restart the count begins anew, or every peer would look lost.
   */
  silentMs(peer: PeerId): number;
  onChange(listener: (record: PeerRecord) => void): () => void;
  /** Writes what should outlive the process. */
  flush(): Promise<void>;
}

export { openPeerRegistry, type PeerRegistryOptions } from './registry.ts';
export { startPinger, type Pinger, type PingerOptions } from './pinger.ts';
export { healthOf, statusOf, type Measurement } from './health.ts';
export { ambiguousLabels } from './labels.ts';

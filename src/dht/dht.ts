/**
 * Provide, find, put, get over Kademlia on the host's swarm, or in memory.
 *
 * Roots are announced as sha2-256 multihashes (`12 20` + hash), because JavaScript holders keep no other kind.
 * Values live under `/pangea/<type>/<id>`, are signed and versioned by their type's validator, at most 10 kB,
 * and the newest valid one wins. `put` reads back before it resolves: "put ok" alone proves nothing on this network.
 */
import type { PeerId } from '../ids/ids.ts';

export const limits = { valueBytes: 10_000, providersPerKey: 64, providedKeys: 100_000, queryTimeoutMs: 10_000 } as const;

export interface FoundPeer {
  readonly peer: PeerId;
  readonly multiaddrs: readonly string[];
}

/** Rules for one `<type>` of values. `compare` > 0 when a is newer; both have passed `valid`. */
export interface RecordRules {
  valid(id: string, value: Uint8Array, nowMs: number): boolean;
  compare(a: Uint8Array, b: Uint8Array): number;
}

export interface Dht {
  readonly name: 'native' | 'js' | 'memory';
  bootstrap(): Promise<void>;
  /** Announces 32 bytes (already hashed for the network, see objects); kept announced until `unprovide`. */
  provide(key: Uint8Array): Promise<void>;
  unprovide(key: Uint8Array): Promise<void>;
  findProviders(key: Uint8Array, options?: { limit?: number; timeoutMs?: number }): Promise<readonly FoundPeer[]>;
  putValue(type: string, id: string, value: Uint8Array): Promise<void>;
  /** The newest valid value, or `undefined`. */
  getValue(type: string, id: string, options?: { timeoutMs?: number }): Promise<Uint8Array | undefined>;
  closestPeers(key: Uint8Array, options?: { timeoutMs?: number }): Promise<readonly FoundPeer[]>;
  /** Peers in the routing table. */
  knownPeers(): readonly FoundPeer[];
  close(): Promise<void>;
}

export { type DhtOptions, openDht } from './kademlia.ts';
export { recordAcceptor } from './rules.ts';
export {
  isCurrentStatement, nodesTopic, parsePeerRecord, peerRecordLimits, peerRecordRules, peerRecordType, signPeerRecord,
  type PeerStatement,
} from './peer-record.ts';
export { MemoryDhtNetwork } from './memory.ts';

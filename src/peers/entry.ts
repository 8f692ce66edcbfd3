import type { PeerId } from '../ids/ids.ts';
import { decayedThreat, healthOf, statusOf, type Measurement } from './health.ts';
import type { PeerRecord } from './peers.ts';
import { addressList, maxAddresses, type StoredPeer } from './stored-peer.ts';

/** Half of a threat score is forgotten in this time. */
export const threatHalfLifeMs = 30 * 60_000;

/** What the registry holds of one peer. Times are monotonic unless said otherwise. */
export interface PeerEntry {
  readonly peer: PeerId;
  label: number | undefined;
  version: string | undefined;
  /** From the peer's own hello. */
  ownQuic: readonly string[];
  ownMultiaddrs: readonly string[];
  /** From others: anybody may claim them, so they never push out the peer's own. */
  rumouredQuic: readonly string[];
  rumouredMultiaddrs: readonly string[];
  storing: boolean;
  freeBytes: number | undefined;
  failureDomain: string;
  measured: Partial<Measurement>;
  lostInARow: number;
  threat: { score: number; atMs: number };
  connected: boolean;
  /** Wall clock, for people and for the disk. */
  lastSeenMs: number | undefined;
  /** In this process; `undefined` for a peer known from the disk alone. */
  heardAtMs: number | undefined;
  /** `lastSeenMs` as last written, so that pings alone do not cause writes. */
  storedSeenMs: number;
}

export function newEntry(peer: PeerId, nowMs: number): PeerEntry {
  return {
    peer, label: undefined, version: undefined,
    ownQuic: [], ownMultiaddrs: [], rumouredQuic: [], rumouredMultiaddrs: [],
    storing: false, freeBytes: undefined, failureDomain: peer,
    measured: {}, lostInARow: 0, threat: { score: 0, atMs: nowMs },
    connected: false, lastSeenMs: undefined, heardAtMs: undefined, storedSeenMs: 0,
  };
}

export function entryOfStored(peer: PeerId, stored: StoredPeer, now: { wallMs: number; monotonicMs: number }): PeerEntry {
  const entry = newEntry(peer, now.monotonicMs);
  entry.label = stored.label;
  entry.version = stored.version;
  entry.ownQuic = stored.quicAddresses;
  entry.ownMultiaddrs = stored.multiaddrs;
  entry.lastSeenMs = stored.lastSeenMs;
  entry.storedSeenMs = stored.lastSeenMs ?? 0;
  entry.threat = { score: decayedThreat(stored.threatScore, now.wallMs - stored.threatAtMs, threatHalfLifeMs), atMs: now.monotonicMs };
  return entry;
}

export function storedOfEntry(entry: PeerEntry, now: { wallMs: number; monotonicMs: number }): StoredPeer {
  return {
    label: entry.label,
    version: entry.version,
    quicAddresses: entry.ownQuic,
    multiaddrs: entry.ownMultiaddrs,
    lastSeenMs: entry.lastSeenMs === undefined ? undefined : Math.floor(entry.lastSeenMs),
    threatScore: threatOf(entry, now.monotonicMs),
    threatAtMs: Math.floor(now.wallMs),
  };
}

export function threatOf(entry: PeerEntry, monotonicMs: number): number {
  return decayedThreat(entry.threat.score, monotonicMs - entry.threat.atMs, threatHalfLifeMs);
}

export function healthOfEntry({ lastSeenMs, measured }: PeerEntry): number | undefined {
  const { latencyMs, jitterMs, packetLoss } = measured;
  if (lastSeenMs === undefined || latencyMs === undefined) return undefined;
  return healthOf({ latencyMs, jitterMs: jitterMs ?? 0, packetLoss: packetLoss ?? 0 });
}

export function recordOf(entry: PeerEntry, monotonicMs: number): PeerRecord {
  const threatScore = threatOf(entry, monotonicMs);
  return {
    peer: entry.peer,
    label: entry.label,
    status: statusOf(threatScore, entry.lastSeenMs !== undefined),
    latencyMs: entry.measured.latencyMs,
    jitterMs: entry.measured.jitterMs,
    packetLoss: entry.measured.packetLoss,
    threatScore,
    health: healthOfEntry(entry),
    lastSeenMs: entry.lastSeenMs,
    connected: entry.connected,
    quicAddresses: merged(entry.ownQuic, entry.rumouredQuic),
    multiaddrs: merged(entry.ownMultiaddrs, entry.rumouredMultiaddrs),
    storing: entry.storing,
    freeBytes: entry.freeBytes,
    failureDomain: entry.failureDomain,
    version: entry.version,
  };
}

/** The newest rumours first, within the bound. */
export function withRumours(held: readonly string[], heard: readonly string[] | undefined): readonly string[] {
  return heard === undefined || heard.length === 0 ? held : addressList([...addressList(heard), ...held]);
}

function merged(own: readonly string[], rumoured: readonly string[]): readonly string[] {
  return rumoured.length === 0 ? own : [...new Set([...own, ...rumoured])].slice(0, 2 * maxAddresses);
}

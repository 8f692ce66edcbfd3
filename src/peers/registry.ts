import type { Clock, Timer } from '../std/std.ts';
import type { PeerId } from '../ids/ids.ts';
import type { KeyValueStore, KvOperation } from '../kv/kv.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';
import { entryOfStored, healthOfEntry, newEntry, recordOf, storedOfEntry, threatOf, withRumours, type PeerEntry } from './entry.ts';
import { afterAnswer, lossAfterMiss, statusOf } from './health.ts';
import type { PeerRecord, PeerRegistry, PlacementPeer } from './peers.ts';
import { addressList, encodeStoredPeer, maxTextLength, parseStoredPeer, peerOfKey, storedKey, storedPrefix } from './stored-peer.ts';
import { leastFreeBytes, placementWeight } from './weight.ts';

export interface PeerRegistryOptions {
  /** Where peers outlive the process; nothing is kept when left out. */
  readonly kv?: KeyValueStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly localPeer: PeerId;
  /** Default 4,096: as many as there can be connections. */
  readonly maxPeers?: number;
  /** A peer silent for longer is not asked first; default 90 s, eighteen missed pings. */
  readonly liveMs?: number;
  /** A peer silent for longer gets no new shards; default 5 min. */
  readonly placementSilentMs?: number;
}

/** Pings lost one after another that end a peer's being live, whatever the time. */
const deadlyLosses = 3;
const flushAfterMs = 30_000;
/** How stale the last-seen time on disk may be. */
const seenStepMs = 5 * 60_000;
const latencyBucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export async function openPeerRegistry(options: PeerRegistryOptions): Promise<PeerRegistry> {
  const registry = new Registry(options);
  await registry.load();
  return registry;
}

class Registry implements PeerRegistry {
  readonly #options: PeerRegistryOptions;
  readonly #clock: Clock;
  readonly #maxPeers: number;
  readonly #openedAtMs: number;
  readonly #entries = new Map<PeerId, PeerEntry>();
  /** Peers never heard from, oldest first: what goes first when room is needed. */
  readonly #rumoured = new Set<PeerId>();
  readonly #dirty = new Set<PeerId>();
  readonly #gone = new Set<PeerId>();
  readonly #listeners = new Set<(record: PeerRecord) => void>();
  readonly #count: { latency(ms: number): void; lost(): void; threat(): void };
  #flushTimer: Timer | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(options: PeerRegistryOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#maxPeers = options.maxPeers ?? 4096;
    this.#openedAtMs = options.clock.monotonicMs();
    const { metrics } = options;
    const latency = metrics.histogram('pangea_peers_ping_seconds', 'Round trips of answered pings', latencyBucketsSeconds);
    const lost = metrics.counter('pangea_peers_ping_lost_total', 'Pings without an answer');
    const threat = metrics.counter('pangea_peers_threat_observed_total', 'Times a peer misbehaved');
    this.#count = { latency: (ms) => latency.observe(ms / 1000), lost: () => lost.add(), threat: () => threat.add() };
    metrics.gauge('pangea_peers_known', 'Peers in the registry', () => this.#entries.size);
    metrics.gauge('pangea_peers_connected', 'Peers connected now', () => [...this.#entries.values()].filter((entry) => entry.connected).length);
  }

  async load(): Promise<void> {
    const { kv } = this.#options;
    if (kv === undefined) return;
    const now = this.#now();
    const stale: KvOperation[] = [];
    for await (const [key, value] of kv.entries(storedPrefix)) {
      const peer = peerOfKey(key);
      const stored = parseStoredPeer(value);
      if (peer === undefined || stored === undefined || peer === this.#options.localPeer || this.#entries.size >= this.#maxPeers) {
        stale.push({ type: 'delete', key });
      } else {
        this.#entries.set(peer, entryOfStored(peer, stored, now));
      }
    }
    if (stale.length > 0) await kv.batch(stale);
  }

  get(peer: PeerId): PeerRecord | undefined {
    const entry = this.#entries.get(peer);
    return entry && recordOf(entry, this.#clock.monotonicMs());
  }

  list(): readonly PeerRecord[] {
    const now = this.#clock.monotonicMs();
    return [...this.#entries.values()].map((entry) => recordOf(entry, now));
  }

  greeted(peer: PeerId, facts: Parameters<PeerRegistry['greeted']>[1]): void {
    const entry = this.#heardFrom(peer);
    if (entry === undefined) return;
    entry.label = facts.label;
    entry.version = facts.version.slice(0, maxTextLength);
    entry.ownQuic = addressList(facts.quicAddresses);
    entry.ownMultiaddrs = addressList(facts.multiaddrs);
    entry.storing = facts.storing;
    entry.freeBytes = facts.freeBytes;
    // A peer that names no domain fails alone.
    entry.failureDomain = facts.failureDomain.slice(0, maxTextLength) || peer;
    this.#changed(entry, 'store');
  }

  room(peer: PeerId, freeBytes: number): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined || entry.freeBytes === freeBytes) return;
    entry.freeBytes = freeBytes;
    this.#changed(entry);
  }

  discovered(peer: PeerId, addresses: Parameters<PeerRegistry['discovered']>[1]): void {
    const entry = this.#entries.get(peer) ?? this.#add(peer, false);
    if (entry === undefined) return;
    entry.rumouredQuic = withRumours(entry.rumouredQuic, addresses.quicAddresses);
    entry.rumouredMultiaddrs = withRumours(entry.rumouredMultiaddrs, addresses.multiaddrs);
    this.#changed(entry);
  }

  connected(peer: PeerId): void {
    const entry = this.#heardFrom(peer);
    if (entry === undefined) return;
    entry.connected = true;
    this.#changed(entry, 'store');
  }

  disconnected(peer: PeerId): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined || !entry.connected) return;
    entry.connected = false;
    this.#changed(entry);
  }

  observeLatency(peer: PeerId, latencyMs: number): void {
    const entry = this.#heardFrom(peer);
    if (entry === undefined) return;
    entry.measured = afterAnswer(entry.measured, latencyMs);
    this.#count.latency(latencyMs);
    const stale = (entry.lastSeenMs ?? 0) - entry.storedSeenMs > seenStepMs;
    this.#changed(entry, stale ? 'store' : undefined);
  }

  observeLoss(peer: PeerId): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined) return;
    entry.lostInARow++;
    entry.measured = { ...entry.measured, packetLoss: lossAfterMiss(entry.measured.packetLoss) };
    this.#count.lost();
    this.#changed(entry);
  }

  observeThreat(peer: PeerId, amount: number, reason: string): void {
    const entry = this.#entries.get(peer) ?? this.#add(peer, true);
    if (entry === undefined) return;
    const now = this.#clock.monotonicMs();
    const before = statusOf(threatOf(entry, now));
    const score = Math.min(Math.max(threatOf(entry, now) + amount, 0), 1);
    entry.threat = { score, atMs: now };
    this.#count.threat();
    const after = statusOf(score);
    // A warning for each step down only: a peer must not be able to fill the log.
    this.#options.logger[before === after ? 'debug' : 'warn']({ peer, score, reason, status: after }, 'peer misbehaved');
    this.#changed(entry, 'store');
  }

  forget(peer: PeerId): void {
    if (this.#entries.has(peer)) this.#remove(peer);
  }

  placementPeers(): readonly PlacementPeer[] {
    const now = this.#clock.monotonicMs();
    const out: PlacementPeer[] = [];
    for (const entry of this.#entries.values()) {
      const { freeBytes } = entry;
      if (!entry.storing || freeBytes === undefined || freeBytes < leastFreeBytes || entry.lostInARow >= deadlyLosses) continue;
      if (entry.heardAtMs === undefined || now - entry.heardAtMs > (this.#options.placementSilentMs ?? 5 * 60_000)) continue;
      if (statusOf(threatOf(entry, now)) !== 'active') continue;
      out.push({ peer: entry.peer, weight: placementWeight(freeBytes, healthOfEntry(entry)), failureDomain: entry.failureDomain });
    }
    return out;
  }

  isLive(peer: PeerId): boolean | undefined {
    const entry = this.#entries.get(peer);
    if (entry?.lastSeenMs === undefined) return undefined;
    if (entry.lostInARow >= deadlyLosses || statusOf(threatOf(entry, this.#clock.monotonicMs())) === 'dead') return false;
    if (this.silentMs(peer) > (this.#options.liveMs ?? 90_000)) return false;
    return entry.heardAtMs === undefined ? undefined : true;
  }

  silentMs(peer: PeerId): number {
    const entry = this.#entries.get(peer);
    if (entry?.lastSeenMs === undefined) return Infinity;
    // While this process was not there nobody was silent towards it: after a restart the count begins anew.
    return this.#clock.monotonicMs() - (entry.heardAtMs ?? this.#openedAtMs);
  }

  onChange(listener: (record: PeerRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  flush(): Promise<void> {
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    this.#flushing = this.#flushing.catch(() => undefined).then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const { kv } = this.#options;
    if (kv === undefined || this.#dirty.size + this.#gone.size === 0) return;
    const now = this.#now();
    const gone = [...this.#gone];
    const dirty = [...this.#dirty];
    const operations: KvOperation[] = gone.map((peer) => ({ type: 'delete', key: storedKey(peer) }));
    for (const peer of dirty) {
      const entry = this.#entries.get(peer);
      if (entry === undefined) continue;
      entry.storedSeenMs = entry.lastSeenMs ?? 0;
      operations.push({ type: 'put', key: storedKey(peer), value: encodeStoredPeer(storedOfEntry(entry, now)) });
    }
    this.#gone.clear();
    this.#dirty.clear();
    try {
      await kv.batch(operations);
    } catch (error) {
      // Kept for the next flush, unless something newer was noted meanwhile.
      for (const peer of gone) if (!this.#entries.has(peer)) this.#gone.add(peer);
      for (const peer of dirty) if (this.#entries.has(peer)) this.#dirty.add(peer);
      throw error;
    }
  }

  /** The entry of a peer that just proved that it is there, made when it is new. */
  #heardFrom(peer: PeerId): PeerEntry | undefined {
    const entry = this.#entries.get(peer) ?? this.#add(peer, true);
    if (entry === undefined) return undefined;
    this.#rumoured.delete(peer);
    entry.heardAtMs = this.#clock.monotonicMs();
    entry.lastSeenMs = this.#clock.nowMs();
    entry.lostInARow = 0;
    return entry;
  }

  #add(peer: PeerId, authenticated: boolean): PeerEntry | undefined {
    if (peer === this.#options.localPeer) return undefined;
    if (this.#entries.size >= this.#maxPeers && !this.#makeRoom(authenticated)) return undefined;
    const entry = newEntry(peer, this.#clock.monotonicMs());
    this.#entries.set(peer, entry);
    this.#rumoured.add(peer);
    this.#gone.delete(peer);
    return entry;
  }

  /** Rumours push out rumours only; a peer that proved itself may also take the place of the longest silent one. */
  #makeRoom(authenticated: boolean): boolean {
    let victim: PeerId | undefined;
    for (const peer of this.#rumoured) {
      victim = peer;
      break;
    }
    if (victim === undefined && authenticated) {
      let oldestMs = Infinity;
      for (const entry of this.#entries.values()) {
        if (entry.connected || (entry.lastSeenMs ?? 0) >= oldestMs) continue;
        oldestMs = entry.lastSeenMs ?? 0;
        victim = entry.peer;
      }
    }
    if (victim === undefined) return false;
    this.#remove(victim);
    return true;
  }

  #remove(peer: PeerId): void {
    this.#entries.delete(peer);
    this.#rumoured.delete(peer);
    this.#dirty.delete(peer);
    this.#gone.add(peer);
    this.#flushLater();
  }

  #changed(entry: PeerEntry, durable?: 'store'): void {
    if (durable !== undefined && !this.#rumoured.has(entry.peer)) {
      this.#dirty.add(entry.peer);
      this.#flushLater();
    }
    if (this.#listeners.size === 0) return;
    const record = recordOf(entry, this.#clock.monotonicMs());
    for (const listener of this.#listeners) listener(record);
  }

  #flushLater(): void {
    if (this.#options.kv === undefined) return;
    this.#flushTimer ??= this.#clock.after(flushAfterMs, () => {
      this.flush().catch((error: unknown) => this.#options.logger.warn({ error }, 'peers not written'));
    });
  }

  #now(): { wallMs: number; monotonicMs: number } {
    return { wallMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() };
  }
}

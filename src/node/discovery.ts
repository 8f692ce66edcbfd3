/**
 * Turns addresses into acquaintances: whoever is heard of by bootstrap, mDNS, identify or the DHT is asked
 * once for a ping, which dials, exchanges hellos and so fills the registry. Who does not answer, or does not speak
 * our protocol, is asked again more and more rarely.
 */
import type { Dht } from '../dht/dht.ts';
import type { Host } from '../host/host.ts';
import type { PeerId } from '../ids/ids.ts';
import type { PeerRegistry } from '../peers/peers.ts';
import { Semaphore, type Clock, type Timer } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import type { Transport } from '../transport/transport.ts';
import { mayDial } from './admission.ts';
import type { Firewall } from '../firewall/firewall.ts';

export interface DiscoveryDependencies {
  readonly host: Host;
  readonly dht: Dht;
  readonly transport: Transport;
  readonly peers: PeerRegistry;
  readonly firewall: Firewall;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where a peer says to be reached, when nothing else tells. */
  readonly lookUp: (peer: PeerId) => Promise<readonly string[]>;
}

const limits = {
  meetingsAtOnce: 8,
  /** Under way or waiting for their turn; beyond it a peer waits for the next look. */
  meetingsQueued: 256,
  /** Peers that were heard of but not met; the oldest is forgotten. */
  heardOf: 4096,
  /** Peers that were met; one that falls out is only asked once more. */
  met: 8192,
  meetTimeoutMs: 5_000,
  firstRetryMs: 1_000,
  longestRetryMs: 10 * 60_000,
  /** A look at the DHT's routing table: often while young, rarely later. */
  firstLookMs: 250,
  longestLookMs: 15_000,
} as const;

interface HeardOf {
  multiaddrs: readonly string[];
  failures: number;
  dueMs: number;
  underWay: boolean;
}

export class Discovery {
  readonly #dependencies: DiscoveryDependencies;
  readonly #heardOf = new Map<PeerId, HeardOf>();
  readonly #met = new Set<PeerId>();
  readonly #permits = new Semaphore(limits.meetingsAtOnce);
  #meetings = 0;
  #lookMs: number = limits.firstLookMs;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(dependencies: DiscoveryDependencies) {
    this.#dependencies = dependencies;
  }

  start(): void {
    const { host, peers, transport } = this.#dependencies;
    host.on({
      discovered: ({ peer, multiaddrs }) => this.hear(peer, multiaddrs),
      connected: (peer) => this.hear(peer, []),
    });
    for (const { peer, quicAddresses, multiaddrs } of peers.list()) {
      transport.setAddresses(peer, [...quicAddresses, ...multiaddrs]);
      this.hear(peer, multiaddrs);
    }
    this.#schedule();
  }

  /** The peer said hello: nothing more is to be done for it here; the pinger keeps in touch. */
  met(peer: PeerId): void {
    this.#met.add(peer);
    const first = this.#met.values().next();
    if (this.#met.size > limits.met && !first.done) this.#met.delete(first.value);
    this.#heardOf.delete(peer);
    const { peers, transport } = this.#dependencies;
    const record = peers.get(peer);
    if (record) transport.setAddresses(peer, [...record.quicAddresses, ...record.multiaddrs]);
  }

  hear(peer: PeerId, multiaddrs: readonly string[]): void {
    const { host, peers, firewall, clock } = this.#dependencies;
    if (this.#stopped || peer === host.peerId || this.#met.has(peer)) return;
    const usable = multiaddrs.filter((address) => mayDial(firewall, address));
    const known = this.#heardOf.get(peer);
    if (known) {
      if (usable.length > 0) {
        known.multiaddrs = usable;
        peers.discovered(peer, { multiaddrs: usable });
      }
      return;
    }
    const oldest = this.#heardOf.keys().next();
    if (this.#heardOf.size >= limits.heardOf && !oldest.done) this.#heardOf.delete(oldest.value);
    const entry: HeardOf = { multiaddrs: usable, failures: 0, dueMs: clock.monotonicMs(), underWay: false };
    this.#heardOf.set(peer, entry);
    if (usable.length > 0) peers.discovered(peer, { multiaddrs: usable });
    void this.#meet(peer, entry);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    const { clock } = this.#dependencies;
    this.#timer = clock.after(this.#lookMs, () => {
      if (this.#stopped) return;
      this.#look();
      this.#lookMs = Math.min(this.#lookMs * 1.5, limits.longestLookMs);
      this.#schedule();
    });
  }

  #look(): void {
    const { host, dht, clock } = this.#dependencies;
    for (const { peer, multiaddrs } of dht.knownPeers()) this.hear(peer, multiaddrs);
    for (const peer of host.connectedPeers()) this.hear(peer, []);
    const now = clock.monotonicMs();
    for (const [peer, entry] of this.#heardOf) if (entry.dueMs <= now) void this.#meet(peer, entry);
  }

  async #meet(peer: PeerId, entry: HeardOf): Promise<void> {
    if (entry.underWay || this.#meetings >= limits.meetingsQueued) return;
    entry.underWay = true;
    this.#meetings++;
    const { host, transport, clock, logger } = this.#dependencies;
    try {
      await this.#permits.run(async () => {
        if (this.#stopped || this.#heardOf.get(peer) !== entry) return;
        if (entry.multiaddrs.length === 0 && entry.failures > 0) entry.multiaddrs = await this.#lookUp(peer);
        if (entry.multiaddrs.length > 0) {
          host.addAddresses(peer, entry.multiaddrs);
          transport.setAddresses(peer, entry.multiaddrs);
        }
        const reply = await transport.request<'ping'>(peer, { type: 'ping' }, { timeoutMs: limits.meetTimeoutMs });
        if (reply.status === 0) {
          reply.body.release();
          this.met(peer);
        } else {
          this.#postpone(peer, entry);
        }
      });
    } catch (error) {
      this.#postpone(peer, entry);
      logger.debug({ peer, failures: entry.failures, reason: (error as Error).message, at: clock.nowMs() }, 'a peer could not be met');
    } finally {
      this.#meetings--;
      entry.underWay = false;
    }
  }

  async #lookUp(peer: PeerId): Promise<readonly string[]> {
    const { firewall, lookUp } = this.#dependencies;
    // A peer that is connected needs none.
    return (await lookUp(peer).catch(() => [])).filter((address) => mayDial(firewall, address));
  }

  #postpone(peer: PeerId, entry: HeardOf): void {
    const { peers, transport } = this.#dependencies;
    // Anyone can name peers that do not exist: their addresses stay here, where they are bounded, until the next try.
    if (peers.get(peer)?.lastSeenMs === undefined) transport.setAddresses(peer, []);
    const pause = Math.min(limits.firstRetryMs * 2 ** entry.failures, limits.longestRetryMs);
    entry.failures++;
    entry.dueMs = this.#dependencies.clock.monotonicMs() + pause;
  }
}

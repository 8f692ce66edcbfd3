/**
 * Peers in one process: requests pass through the wire's own message codecs, and the network between the peers
 * has latency, loss, partitions, crashes and peers that return wrong bytes. Every delay is on the injected clock
 * and every chance from the injected randomness, so one seed gives one course of events.
 *
 * A peer is dialled by its id; `setAddresses` is not needed. Connections behave as QUIC's do: a dial into
 * silence fails after `dialTimeoutMs`, an established connection notices silence after `idleTimeoutMs`, a lost
 * request or answer is noticed by the caller's timeout alone, and a restarted peer resets old connections.
 */
import type { PeerId } from '../ids/ids.ts';
import type { Clock, Random } from '../std/std.ts';
import { MemoryTransport, type Connection, type MemoryTransportOptions } from './memory-transport.ts';
import type { Transport } from './transport.ts';

const idleTimeoutMs = 10_000;

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Mean one-way delay; every link draws its own between half and one and a half of it. Default 0: the next microtask. */
  readonly latencyMs?: number;
  /** Chance that one message (a request or an answer) is lost. Default 0. */
  readonly lossRate?: number;
}

export class MemoryNetwork {
  readonly clock: Clock;
  readonly random: Random;
  readonly #latencyMs: number;
  #lossRate: number;
  readonly #peers = new Map<PeerId, MemoryTransport>();
  readonly #down = new Set<PeerId>();
  readonly #corruptRates = new Map<PeerId, number>();
  readonly #linkMs = new Map<string, number>();
  readonly #connections = new Set<Connection>();
  #groupOf = new Map<PeerId, number>();

  constructor(options: MemoryNetworkOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.#latencyMs = options.latencyMs ?? 0;
    this.#lossRate = options.lossRate ?? 0;
  }

  /** The peer's end of the network. A second one for the same peer is that peer's process after a restart. */
  transport(peer: PeerId, options: MemoryTransportOptions): Transport {
    this.#peers.get(peer)?.freeze();
    this.#reset(peer);
    const transport = new MemoryTransport(this, peer, options);
    this.#peers.set(peer, transport);
    this.#down.delete(peer);
    this.#topologyChanged();
    return transport;
  }

  /** Peers in different groups do not reach each other; those in no group form one of their own. */
  partition(groups: readonly (readonly PeerId[])[]): void {
    this.#groupOf = new Map(groups.flatMap((group, index) => group.map((peer) => [peer, index + 1] as const)));
    this.#topologyChanged();
  }

  /** Ends the partition. Crashed peers stay down. */
  heal(): void {
    this.partition([]);
  }

  /** Kill −9: nothing is served or sent any more, and what was under way in the peer never settles. */
  crash(peer: PeerId): void {
    this.#down.add(peer);
    this.#peers.get(peer)?.freeze();
    this.#topologyChanged();
  }

  /** The crashed peer serves again with the handler it had, without its connections. */
  restart(peer: PeerId): void {
    this.#reset(peer);
    this.#down.delete(peer);
    this.#topologyChanged();
  }

  /** Each body that this peer returns has this chance of one flipped byte. 0 ends it. */
  corrupt(peer: PeerId, rate: number): void {
    this.#corruptRates.set(peer, rate);
  }

  setLossRate(lossRate: number): void {
    this.#lossRate = lossRate;
  }

  /** One-way delay between two peers, both directions. */
  setLatency(a: PeerId, b: PeerId, latencyMs: number): void {
    this.#linkMs.set(linkName(a, b), latencyMs);
  }

  reachable(from: PeerId, to: PeerId): boolean {
    return !this.#down.has(from) && !this.#down.has(to) && this.#groupOf.get(from) === this.#groupOf.get(to);
  }

  knows(peer: PeerId): boolean {
    return this.#peers.has(peer);
  }

  /** The serving end behind an id that `from` can reach now. */
  find(from: PeerId, to: PeerId): MemoryTransport | undefined {
    const found = this.#peers.get(to);
    return found?.listening === true && this.reachable(from, to) ? found : undefined;
  }

  /** Runs `arrive` at the other side after the link's delay, or `lost` when the message gets no further. */
  send(from: PeerId, to: PeerId, arrive: () => void, lost: () => void = () => undefined): void {
    if (!this.reachable(from, to) || (this.#lossRate > 0 && this.random.unit() < this.#lossRate)) return lost();
    const delayMs = this.#delayMs(from, to);
    if (delayMs === 0) queueMicrotask(arrive);
    else void this.clock.sleep(delayMs).then(() => (this.reachable(from, to) ? arrive() : lost()));
  }

  /** The bytes of a body as they leave this peer. */
  leaving(from: PeerId, bytes: Uint8Array): Uint8Array {
    const rate = this.#corruptRates.get(from) ?? 0;
    if (rate === 0 || bytes.length === 0 || this.random.unit() >= rate) return bytes;
    const wrong = bytes.slice();
    const at = this.random.integer(wrong.length);
    wrong[at] = (wrong[at] as number) ^ (1 + this.random.integer(255));
    return wrong;
  }

  opened(a: MemoryTransport, b: MemoryTransport): Connection {
    const connection: Connection = { ends: [a, b], open: true, silentSinceMs: undefined };
    this.#connections.add(connection);
    return connection;
  }

  closed(connection: Connection, reason: string): void {
    if (!connection.open) return;
    connection.open = false;
    this.#connections.delete(connection);
    for (const end of connection.ends) end.lost(connection, reason);
  }

  #delayMs(from: PeerId, to: PeerId): number {
    const name = linkName(from, to);
    let mean = this.#linkMs.get(name);
    if (mean === undefined) {
      mean = this.#latencyMs === 0 ? 0 : this.#latencyMs * (0.5 + this.random.unit());
      this.#linkMs.set(name, mean);
    }
    return mean === 0 ? 0 : mean * (0.9 + 0.2 * this.random.unit());
  }

  /** A stateless reset: peers learn that the other side no longer knows their connection. */
  #reset(peer: PeerId): void {
    for (const connection of this.#connections) {
      if (connection.ends.some((end) => end.localPeer === peer)) this.closed(connection, 'reset by the peer');
    }
  }

  #topologyChanged(): void {
    for (const connection of this.#connections) {
      const [a, b] = connection.ends;
      if (this.reachable(a.localPeer, b.localPeer)) {
        connection.silentSinceMs = undefined;
      } else if (connection.silentSinceMs === undefined) {
        const sinceMs = this.clock.monotonicMs();
        connection.silentSinceMs = sinceMs;
        this.clock.after(idleTimeoutMs, () => {
          if (connection.silentSinceMs === sinceMs) this.closed(connection, 'idle timeout');
        });
      }
    }
  }
}

function linkName(a: PeerId, b: PeerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

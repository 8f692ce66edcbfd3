/**
 * The node's word about itself, to whoever has to find it: a signed record in the DHT, a provider key for its label,
 * and the same record on the topic `/pangea/nodes/1`. The other way round it reads what others say of themselves.
 * All of it are claims: they give addresses to dial within the dial policy, and nothing else.
 */
import { createHash } from 'node:crypto';
import {
  isCurrentStatement, nodesTopic, parsePeerRecord, peerRecordType, signPeerRecord, type Dht, type PeerStatement,
} from '../dht/dht.ts';
import { isPangeaError } from '../errors/errors.ts';
import type { Host } from '../host/host.ts';
import type { NodeIdentity } from '../identity/identity.ts';
import type { PeerId } from '../ids/ids.ts';
import { equalBytes, mapConcurrent, utf8, type Clock, type Timer } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';

export interface AnnouncementsOptions {
  readonly identity: Pick<NodeIdentity, 'peerId' | 'publicKey' | 'sign'>;
  readonly host: Pick<Host, 'on' | 'subscribe' | 'publish'>;
  readonly dht: Pick<Dht, 'provide' | 'putValue' | 'getValue' | 'findProviders'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly about: () => { readonly label: number; readonly version: string; readonly multiaddrs: readonly string[] };
  /** Where a peer says to be reached: never this node, never older than what was heard before. */
  readonly heard: (peer: PeerId, multiaddrs: readonly string[]) => void;
}

const limits = {
  /** A look whether anything is to be said: addresses change, and a young node knows nobody to tell. */
  lookMs: 5_000,
  /** After a new connection, identify and the topic's subscriptions have to arrive first. */
  settleMs: 1_500,
  gossipMs: 10 * 60_000,
  renewMs: 6 * 3_600_000,
  lifetimeMs: 24 * 3_600_000,
  longestRetryMs: 10 * 60_000,
  /** Peers whose last record is remembered, against replays; the longest silent one is forgotten. */
  authors: 4096,
  burst: 8,
  passedOn: 32,
  refillMs: 10_000,
  /** After a new connection the record is said again so much later, for those who came since: well within the rate. */
  againMs: 15_000,
  /** Peers that carry one label and are asked for their record. */
  perLabel: 16,
} as const;

interface Author {
  sequence: number;
  /** Messages within the rate; a share comes back with time. */
  spent: number;
  atMs: number;
}

export class Announcements {
  readonly #options: AnnouncementsOptions;
  readonly #authors = new Map<PeerId, Author>();
  #record: { readonly bytes: Uint8Array; readonly statement: Omit<PeerStatement, 'peer'>; readonly madeMs: number } | undefined;
  #inDht: Uint8Array | undefined;
  #provided = false;
  #gossipedMs = -Infinity;
  #nextTryMs = 0;
  #failures = 0;
  #busy = false;
  #stopped = false;
  #timer: Timer | undefined;
  #settle: Timer | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: AnnouncementsOptions) {
    this.#options = options;
  }

  start(): void {
    const { host, clock } = this.#options;
    this.#unsubscribe = host.subscribe(nodesTopic, (from, data) => this.#onMessage(from, data));
    host.on({
      connected: () => {
        // Who was alone may have somebody to tell now; who came late has not heard what was said before.
        this.#nextTryMs = 0;
        this.#settle ??= clock.after(limits.settleMs, () => {
          this.#settle = undefined;
          this.#gossipedMs = Math.min(this.#gossipedMs, clock.monotonicMs() - limits.gossipMs + limits.againMs);
          void this.#say();
        });
      },
    });
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
    this.#timer?.cancel();
    this.#settle?.cancel();
  }

  /** What the peer last said of itself in the DHT; `undefined` when nobody knows. */
  async lookUp(peer: PeerId, timeoutMs?: number): Promise<PeerStatement | undefined> {
    const value = await this.#options.dht.getValue(peerRecordType, peer, timeoutMs === undefined ? {} : { timeoutMs });
    return value && parsePeerRecord(value);
  }

  /** Peers that say to carry this label, each in its own signed words. */
  async lookUpLabel(label: number, timeoutMs?: number): Promise<readonly PeerStatement[]> {
    const { dht, identity } = this.#options;
    const found = await dht.findProviders(labelKey(label), { limit: limits.perLabel, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    const others = found.map(({ peer }) => peer).filter((peer) => peer !== identity.peerId);
    const said = await mapConcurrent(others, 4, (peer) => this.lookUp(peer, timeoutMs).catch(() => undefined));
    return said.filter((statement) => statement?.label === label) as PeerStatement[];
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(limits.lookMs, () => {
      void this.#say();
      if (!this.#stopped) this.#schedule();
    });
  }

  async #say(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    try {
      const record = this.#current();
      await this.#gossip(record);
      await this.#publish(record);
    } finally {
      this.#busy = false;
    }
  }

  /** A new record when addresses changed or the last one is old. */
  #current(): Uint8Array {
    const { about, clock, identity } = this.#options;
    const nowMs = clock.nowMs();
    const said = about();
    const last = this.#record;
    const same = last !== undefined && last.statement.label === said.label && last.statement.version === said.version &&
      last.statement.multiaddrs.join() === said.multiaddrs.join();
    if (same && clock.monotonicMs() - last.madeMs < limits.renewMs) return last.bytes;
    const sequence = Math.max(Math.floor(nowMs), (last?.statement.sequence ?? 0) + 1);
    return this.#make({ ...said, sequence, expiresMs: Math.floor(nowMs) + limits.lifetimeMs }, identity);
  }

  #make(statement: Omit<PeerStatement, 'peer'>, identity: AnnouncementsOptions['identity']): Uint8Array {
    const bytes = signPeerRecord(identity, statement);
    this.#record = { bytes, statement, madeMs: this.#options.clock.monotonicMs() };
    this.#gossipedMs = -Infinity;
    return bytes;
  }

  async #gossip(record: Uint8Array): Promise<void> {
    const { host, clock, logger } = this.#options;
    if (clock.monotonicMs() - this.#gossipedMs < limits.gossipMs) return;
    try {
      await host.publish(nodesTopic, record);
      this.#gossipedMs = clock.monotonicMs();
    } catch (error) {
      if (!isPangeaError(error, 'NOT_ENOUGH_PEERS')) logger.debug({ reason: (error as Error).message }, 'the own record was not gossiped; it is tried again');
    }
  }

  async #publish(record: Uint8Array): Promise<void> {
    const { dht, identity, about, clock, logger } = this.#options;
    if ((this.#inDht !== undefined && equalBytes(this.#inDht, record)) || clock.monotonicMs() < this.#nextTryMs) return;
    try {
      await dht.putValue(peerRecordType, identity.peerId, record);
      const held = await dht.getValue(peerRecordType, identity.peerId);
      const newer = held && parsePeerRecord(held).sequence;
      const own = this.#record?.statement;
      if (newer !== undefined && own && newer > own.sequence) {
        // From before the clock was set back: say more than that, or nobody takes it until then.
        this.#make({ ...own, sequence: newer + 1 }, identity);
        return;
      }
      this.#inDht = record;
      this.#failures = 0;
      if (!this.#provided) await dht.provide(labelKey(about().label));
      this.#provided = true;
    } catch (error) {
      this.#nextTryMs = clock.monotonicMs() + Math.min(limits.lookMs * 2 ** this.#failures++, limits.longestRetryMs);
      logger.debug({ reason: (error as Error).message }, 'the own record is not in the DHT yet; it is tried again');
    }
  }

  #onMessage(from: PeerId, data: Uint8Array): boolean {
    const { clock, identity, heard, logger } = this.#options;
    const author = this.#authors.get(from) ?? { sequence: -1, spent: 0, atMs: clock.monotonicMs() };
    this.#remember(from, author);
    author.spent = Math.max(0, author.spent - (clock.monotonicMs() - author.atMs) / limits.refillMs) + 1;
    author.atMs = clock.monotonicMs();
    if (author.spent > limits.burst) return author.spent <= limits.burst + limits.passedOn;
    let said: PeerStatement;
    try {
      said = parsePeerRecord(data);
    } catch (error) {
      logger.debug({ from, reason: (error as Error).message }, 'a message on the nodes topic is none');
      return false;
    }
    if (said.peer !== from || !isCurrentStatement(said, clock.nowMs())) return false;
    if (said.sequence > author.sequence) {
      author.sequence = said.sequence;
      if (from !== identity.peerId) heard(from, said.multiaddrs);
    }
    return true;
  }

  #remember(peer: PeerId, author: Author): void {
    this.#authors.delete(peer);
    this.#authors.set(peer, author);
    const oldest = this.#authors.keys().next();
    if (this.#authors.size > limits.authors && !oldest.done) this.#authors.delete(oldest.value);
  }
}

/** Where peers that carry a label are found. */
export function labelKey(label: number): Uint8Array {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, label, true);
  return new Uint8Array(createHash('sha256').update(utf8('pangea-node 1 label\0')).update(number).digest());
}

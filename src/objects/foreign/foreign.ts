/**
 * Shards as the other peers of a mixed network know them: by the hash of a file and a number.
 *
 * Given out are the shards of this node's held objects (hash = root in hex, number = stripe × 12 + row), and what foreign
 * peers stored. Stored shards lie in records of a kind of their own under a name of their own, so that no census, repair or
 * object ever takes them for its shards; nobody can check them, so nobody but who stored a shard can replace it.
 * They are bounded by a quota, in all and per peer, and go when nobody stored them anew for a month.
 *
 * May lose: shards that were stored in the last moments before a crash; the protocol's `OK` means memory.
 */
import { bodyFrom, emptyBody, type Body } from '../../body/body.ts';
import type { Codec } from '../../codec/codec.ts';
import { isPangeaError } from '../../errors/errors.ts';
import { bytesOfDigest, digestOf, parseDigest, type Digest, type PeerId } from '../../ids/ids.ts';
import { equalBytes, mapConcurrent, utf8, type Clock, type Timer } from '../../std/std.ts';
import { recordKind, type RecordKey, type ShardStore } from '../../store/store.ts';
import type { Logger, Metrics } from '../../telemetry/telemetry.ts';
import type { Reply, Request } from '../../transport/transport.ts';
import { maxStripes, rows } from '../format/shape.ts';
import { encodeForeignRecord, foreignHeadBytes, parseForeignHead } from './record.ts';

export const foreignPolicy = {
  /** One peer may fill this share of the quota; beyond it its own oldest shards go first. */
  peerShare: 0.25,
  /** Shards kept in all, whatever their size: the index of them is in memory. */
  shards: 65_536,
  expiresMs: 30 * 24 * 3_600_000,
  /** The store keeps this free for its own work, whatever the quota says. */
  leastFreeBytes: 64 * 1024 * 1024,
  expiryRoundMs: 60 * 60_000,
  readsAtOnce: 64,
} as const;

const nameContext = 'pangea-node 1 foreign shard name';

export interface ForeignDependencies {
  readonly store: ShardStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The holder's side of the shard protocol: decides what of an object is given out. */
  readonly handle: (peer: PeerId, request: Request, body: Body) => Promise<Reply>;
  /** Bytes in all; 0 stores nothing for foreign peers. Read at each use. */
  readonly quotaBytes: () => number;
}

interface Kept {
  readonly key: RecordKey;
  readonly peer: PeerId;
  readonly storedMs: number;
  readonly bytes: number;
}

export class ForeignSpace {
  readonly #dependencies: ForeignDependencies;
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>();
  readonly #bytesOf = new Map<PeerId, number>();
  #bytes = 0;
  #loading: Promise<void> | undefined;
  /** Stores run one after the other: what one may take depends on what the one before took. */
  #turn: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;

  constructor(dependencies: ForeignDependencies) {
    this.#dependencies = dependencies;
    const { metrics } = dependencies;
    metrics.gauge('pangea_foreign_shards', 'Shards kept for foreign peers', () => this.#kept.size);
    metrics.gauge('pangea_foreign_bytes', 'Bytes kept for foreign peers', () => this.#bytes);
  }

  usage(): { readonly shards: number; readonly bytes: number } {
    return { shards: this.#kept.size, bytes: this.#bytes };
  }

  start(): void {
    const round = (): void => {
      this.#timer = this.#dependencies.clock.after(foreignPolicy.expiryRoundMs, round);
      this.expire().catch((error: unknown) => this.#dependencies.logger.warn({ error: (error as Error).message }, 'old foreign shards could not be removed'));
    };
    round();
  }

  /** Resolves when no store is under way any more. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#turn;
  }

  /** A shard of a held object, or what was stored under this name. `undefined` when neither is here. */
  async fetch(peer: PeerId, hash: string, index: number): Promise<Body | undefined> {
    return (await this.#ofObject(peer, hash, index)) ?? this.#ofForeign(hash, index);
  }

  /** False when it is refused: no room, no quota, or another peer's shard has the name. */
  store(peer: PeerId, hash: string, index: number, shard: Uint8Array): Promise<boolean> {
    const stored = this.#turn.then(() => this.#store(peer, hash, index, shard));
    this.#turn = stored.catch(() => undefined);
    return stored;
  }

  /** Removes what nobody stored anew for a month, and what a lowered quota has no room for. */
  expire(): Promise<number> {
    const expired = this.#turn.then(async () => {
      await this.#load();
      const { clock, quotaBytes } = this.#dependencies;
      const oldest = clock.nowMs() - foreignPolicy.expiresMs;
      let left = this.#bytes;
      const gone: Kept[] = [];
      for (const kept of this.#kept.values()) {
        if (kept.storedMs >= oldest && left <= quotaBytes()) break;
        gone.push(kept);
        left -= kept.bytes;
      }
      await this.#drop(gone);
      return gone.length;
    });
    this.#turn = expired.catch(() => undefined);
    return expired;
  }

  async #ofObject(peer: PeerId, hash: string, index: number): Promise<Body | undefined> {
    const root = parseDigest(hash.toLowerCase());
    const stripe = Math.floor(index / rows);
    if (root === undefined || stripe >= maxStripes) return undefined;
    const request: Request = { type: 'get', object: bytesOfDigest(root), kind: recordKind.shard, stripe, row: index % rows, offset: 0, length: 0 };
    const reply = await this.#dependencies.handle(peer, request, emptyBody);
    return reply.status === 0 ? reply.body : undefined;
  }

  async #ofForeign(hash: string, index: number): Promise<Body | undefined> {
    const { store } = this.#dependencies;
    const key = this.#keyOf(hash, index);
    const info = store.stat(key);
    if (info === undefined || info.byteLength <= foreignHeadBytes) return undefined;
    try {
      const record = await store.get(key);
      const shard = record?.slice(foreignHeadBytes);
      record?.release();
      return shard;
    } catch (error) {
      if (!isPangeaError(error, 'CORRUPT') && !isPangeaError(error, 'STORE_IO')) throw error;
      return undefined;
    }
  }

  async #store(peer: PeerId, hash: string, index: number, shard: Uint8Array): Promise<boolean> {
    const { store, codec, clock, quotaBytes } = this.#dependencies;
    const quota = quotaBytes();
    const bytes = foreignHeadBytes + shard.length;
    const peerQuota = quota * foreignPolicy.peerShare;
    if (shard.length === 0 || bytes > peerQuota) return false;
    await this.#load();
    const key = this.#keyOf(hash, index);
    const known = this.#kept.get(nameOf(key));
    if (known !== undefined && known.peer !== peer) return this.#isSame(hash, index, shard);
    if (store.usage().freeBytes < bytes + foreignPolicy.leastFreeBytes) return false;
    const replaced = known?.bytes ?? 0;
    // A peer makes room for itself at its own cost, never at another's.
    const gone: Kept[] = [];
    let own = (this.#bytesOf.get(peer) ?? 0) - replaced + bytes;
    for (const kept of this.#kept.values()) {
      if (own <= peerQuota) break;
      if (kept.peer !== peer || kept === known) continue;
      gone.push(kept);
      own -= kept.bytes;
    }
    const freed = gone.reduce((sum, kept) => sum + kept.bytes, 0);
    if (this.#bytes - replaced - freed + bytes > quota) return false;
    if (known === undefined && this.#kept.size - gone.length >= foreignPolicy.shards) return false;
    await this.#drop(gone);
    const storedMs = clock.nowMs();
    const payload = bodyFrom(encodeForeignRecord({ peer, storedMs }, shard));
    try {
      await store.put([{ key, identity: await codec.identity(payload), payload }], 'memory');
    } catch (error) {
      if (!isPangeaError(error, 'STORE_FULL')) throw error;
      return false;
    }
    this.#remember({ key, peer, storedMs, bytes });
    return true;
  }

  /** The same bytes are welcome from anybody: they are here. */
  async #isSame(hash: string, index: number, shard: Uint8Array): Promise<boolean> {
    const held = await this.#ofForeign(hash, index);
    const same = held !== undefined && held.byteLength === shard.length && equalBytes(held.bytes(), shard);
    held?.release();
    return same;
  }

  #remember(kept: Kept): void {
    const name = nameOf(kept.key);
    this.#forget(name);
    this.#kept.set(name, kept);
    this.#bytes += kept.bytes;
    this.#bytesOf.set(kept.peer, (this.#bytesOf.get(kept.peer) ?? 0) + kept.bytes);
  }

  #forget(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#kept.delete(name);
    this.#bytes -= kept.bytes;
    const left = (this.#bytesOf.get(kept.peer) ?? 0) - kept.bytes;
    if (left > 0) this.#bytesOf.set(kept.peer, left);
    else this.#bytesOf.delete(kept.peer);
  }

  async #drop(gone: readonly Kept[]): Promise<void> {
    if (gone.length === 0) return;
    await this.#dependencies.store.remove(gone.map(({ key }) => key));
    for (const { key } of gone) this.#forget(nameOf(key));
  }

  /** Who stored what, from the heads of the records, once. A record that cannot be read belongs to nobody and is removed. */
  #load(): Promise<void> {
    this.#loading ??= this.#read();
    this.#loading.catch(() => { this.#loading = undefined; });
    return this.#loading;
  }

  async #read(): Promise<void> {
    const { store, logger } = this.#dependencies;
    const infos = store.objects(recordKind.foreign).flatMap((object) => store.records(object).filter(({ key }) => key.kind === recordKind.foreign));
    const lost: RecordKey[] = [];
    const found = await mapConcurrent(infos, foreignPolicy.readsAtOnce, async ({ key: { object, ...place }, byteLength }) => {
      const key = { ...place, object: object.slice() };
      const body = await store.get(key, { offset: 0, length: Math.min(foreignHeadBytes, byteLength) }).catch(() => undefined);
      const head = body && parseForeignHead(body.bytes());
      body?.release();
      if (head === undefined) lost.push(key);
      return head && { ...head, key, bytes: byteLength };
    });
    const sorted = found.filter((kept) => kept !== undefined).sort((a, b) => a.storedMs - b.storedMs);
    for (const kept of sorted) this.#remember(kept);
    if (lost.length > 0) {
      logger.warn({ records: lost.length }, 'shards of foreign peers could not be read and were removed');
      await store.remove(lost);
    }
  }

  #keyOf(hash: string, index: number): RecordKey {
    const object = this.#dependencies.codec.deriveKey(nameContext, utf8(hash));
    return { object, kind: recordKind.foreign, stripe: Math.floor(index / rows), row: index % rows };
  }
}

function nameOf({ object, stripe, row }: RecordKey): string {
  const digest: Digest = digestOf(object);
  return `${digest}/${stripe}/${row}`;
}

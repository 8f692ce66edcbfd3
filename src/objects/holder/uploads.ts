/** Shards that were put but not committed: whose they are, how many bytes, and since when. Bounded per peer. */
import { digestOf, type Digest, type PeerId } from '../../ids/ids.ts';
import type { Clock } from '../../std/std.ts';

interface Upload {
  readonly id: Uint8Array;
  /** `undefined` for what a restart left behind: whoever commits it proves by the layout that it is right. */
  readonly peer: PeerId | undefined;
  bytes: number;
  touchedMs: number;
}

/**
 * What a record counts at least, so that a flood of tiny shards meets the quota before their index entries fill the memory:
 * 64 GiB of quota are at most two million records.
 */
const leastRecordBytes = 32 * 1024;

export class Uploads {
  readonly #clock: Clock;
  readonly #quotaBytes: number;
  readonly #expiresMs: number;
  readonly #uploads = new Map<Digest, Upload>();
  readonly #bytesOf = new Map<PeerId, number>();

  constructor(options: { clock: Clock; quotaBytes: number; expiresMs: number }) {
    this.#clock = options.clock;
    this.#quotaBytes = options.quotaBytes;
    this.#expiresMs = options.expiresMs;
  }

  /** True when this peer may add to, read back and commit this upload. */
  belongsTo(id: Digest, peer: PeerId): boolean {
    const upload = this.#uploads.get(id);
    return upload !== undefined && (upload.peer === undefined || upload.peer === peer);
  }

  has(id: Digest): boolean {
    return this.#uploads.has(id);
  }

  /** Room for one more shard, or `false` when the peer's quota is used up. */
  reserve(id: Uint8Array, peer: PeerId, bytes: number, unlimited: boolean): boolean {
    const digest = digestOf(id);
    const cost = Math.max(bytes, leastRecordBytes);
    const used = this.#bytesOf.get(peer) ?? 0;
    if (!unlimited && used + cost > this.#quotaBytes) return false;
    let upload = this.#uploads.get(digest);
    if (upload === undefined) this.#uploads.set(digest, (upload = { id: id.slice(), peer, bytes: 0, touchedMs: 0 }));
    upload.bytes += cost;
    upload.touchedMs = this.#clock.monotonicMs();
    if (upload.peer !== undefined) this.#bytesOf.set(peer, used + cost);
    return true;
  }

  /** What was found after a restart: it expires as if it had just come. */
  adopt(id: Uint8Array): void {
    const digest = digestOf(id);
    if (!this.#uploads.has(digest)) this.#uploads.set(digest, { id: id.slice(), peer: undefined, bytes: 0, touchedMs: this.#clock.monotonicMs() });
  }

  /** A commit has begun: the upload does not expire under it. */
  touch(id: Digest): void {
    const upload = this.#uploads.get(id);
    if (upload) upload.touchedMs = this.#clock.monotonicMs();
  }

  /** Committed or dropped: its bytes no longer count. */
  finish(id: Digest): void {
    const upload = this.#uploads.get(id);
    if (upload === undefined) return;
    this.#uploads.delete(id);
    if (upload.peer === undefined) return;
    const left = (this.#bytesOf.get(upload.peer) ?? 0) - upload.bytes;
    if (left > 0) this.#bytesOf.set(upload.peer, left);
    else this.#bytesOf.delete(upload.peer);
  }

  expired(): readonly Uint8Array[] {
    const before = this.#clock.monotonicMs() - this.#expiresMs;
    return [...this.#uploads.values()].filter((upload) => upload.touchedMs < before).map(({ id }) => id);
  }
}

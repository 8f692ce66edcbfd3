/**
 * What repair remembers of others for a time. Rows that a peer says it has but whose bytes were wrong do not count;
 * a peer that takes nothing (full, not storing) is not chosen again at once.
 */
import type { Digest, PeerId } from '../../ids/ids.ts';
import type { Clock } from '../../std/std.ts';

/** Long enough for a repair elsewhere, short enough that a bad cable does not cost a peer its shards for good. */
const doubtMs = 60 * 60_000;
const maxDoubts = 65_536;
/** A disk is not emptied within minutes; other peers wait for the shards. */
const refusalMs = 10 * 60_000;

interface Doubt {
  readonly stripe: number;
  readonly row: number;
  readonly untilMs: number;
}

export class Doubts {
  readonly #clock: Clock;
  readonly #doubts = new Map<string, Map<string, Doubt>>();
  readonly #refusedUntilMs = new Map<PeerId, number>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(root: Digest, peer: PeerId, stripe: number, row: number): void {
    const name = `${root}/${peer}`;
    if (this.#count >= maxDoubts) this.#dropOldest();
    let doubts = this.#doubts.get(name);
    if (doubts === undefined) this.#doubts.set(name, (doubts = new Map()));
    if (!doubts.has(`${stripe}/${row}`)) this.#count++;
    doubts.set(`${stripe}/${row}`, { stripe, row, untilMs: this.#clock.monotonicMs() + doubtMs });
  }

  /** The peer takes no shards now. */
  refused(peer: PeerId): void {
    this.#refusedUntilMs.set(peer, this.#clock.monotonicMs() + refusalMs);
  }

  refuses(peer: PeerId): boolean {
    const untilMs = this.#refusedUntilMs.get(peer);
    if (untilMs === undefined || untilMs > this.#clock.monotonicMs()) return untilMs !== undefined;
    this.#refusedUntilMs.delete(peer);
    return false;
  }

  /** True while any row of this object at this peer is in doubt: it gets no new rows of it. */
  about(root: Digest, peer: PeerId): boolean {
    return this.#live(`${root}/${peer}`).length > 0;
  }

  /** The masks, a copy where a row is in doubt. */
  without(root: Digest, peer: PeerId, masks: Uint16Array): Uint16Array {
    const doubts = this.#live(`${root}/${peer}`);
    if (doubts.length === 0) return masks;
    const left = masks.slice();
    for (const { stripe, row } of doubts) left[stripe] = (left[stripe] ?? 0) & ~(1 << row);
    return left;
  }

  #live(name: string): readonly Doubt[] {
    const doubts = this.#doubts.get(name);
    if (doubts === undefined) return [];
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { untilMs }] of doubts) {
      if (untilMs > nowMs) continue;
      doubts.delete(key);
      this.#count--;
    }
    if (doubts.size === 0) this.#doubts.delete(name);
    return [...doubts.values()];
  }

  #dropOldest(): void {
    const oldest = this.#doubts.entries().next().value;
    if (oldest === undefined) return;
    this.#doubts.delete(oldest[0]);
    this.#count -= oldest[1].size;
  }
}

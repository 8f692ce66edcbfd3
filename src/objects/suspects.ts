/** Peers that just failed or were slow: asked last for a few seconds, by every read and write of this node. */
import type { PeerId } from '../ids/ids.ts';
import type { Clock } from '../std/std.ts';

/** Long enough that a dead holder costs one wait and not one a stripe, short enough that a hiccup is forgiven. */
const suspectMs = 10_000;

export class Suspects {
  readonly #clock: Clock;
  readonly #untilMs = new Map<PeerId, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(peer: PeerId): void {
    this.#untilMs.set(peer, this.#clock.monotonicMs() + suspectMs);
  }

  has(peer: PeerId): boolean {
    const untilMs = this.#untilMs.get(peer);
    if (untilMs === undefined) return false;
    if (untilMs > this.#clock.monotonicMs()) return true;
    this.#untilMs.delete(peer);
    return false;
  }

  /** The same peers, suspects last. */
  last<T>(items: readonly T[], peerOf: (item: T) => PeerId): readonly T[] {
    return [...items.filter((item) => !this.has(peerOf(item))), ...items.filter((item) => this.has(peerOf(item)))];
  }
}

/**
 * One repairer a stripe range: while a peer restores rows of a range to this node, the puts of any other for the same
 * range are refused, so that two that noticed the same loss do not both send it.
 */
import type { Digest, PeerId } from '../../ids/ids.ts';
import type { Clock } from '../../std/std.ts';
import { stripesPerPage } from '../format/shape.ts';

/** Longer than the pause between two puts of one repair, shorter than the wait of the next holder in order. */
const leaseMs = 10_000;
const maxLeases = 4_096;

export class RepairLeases {
  readonly #clock: Clock;
  /** In order of their last use. */
  readonly #leases = new Map<string, { readonly peer: PeerId; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when the range is this peer's now; every put renews it. */
  claim(root: Digest, stripe: number, peer: PeerId): boolean {
    const name = `${root}/${Math.floor(stripe / stripesPerPage)}`;
    const nowMs = this.#clock.monotonicMs();
    const held = this.#leases.get(name);
    if (held !== undefined && held.peer !== peer && held.untilMs > nowMs) return false;
    this.#leases.delete(name);
    for (const [other, { untilMs }] of this.#leases) {
      if (untilMs > nowMs && this.#leases.size < maxLeases) break;
      if (untilMs > nowMs) return false;
      this.#leases.delete(other);
    }
    this.#leases.set(name, { peer, untilMs: nowMs + leaseMs });
    return true;
  }
}

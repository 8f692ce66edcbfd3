import type { Clock } from '../../std/std.ts';

/** A power of two, so that sums are exact in a double until the year 2248. gun.js divides a millisecond in 999. */
const statesInMs = 1024;

export interface StateClock {
  /** Above every state given before, even when the wall clock jumps back. Milliseconds since 1970, with fractions. */
  next(): number;
  /** What counts as now for states that come in: those of the millisecond in progress are not of the future, nor are our own. */
  machine(): number;
}

export function createStateClock(clock: Clock): StateClock {
  let last = Number.NEGATIVE_INFINITY;
  return {
    next: () => (last = Math.max(Math.floor(clock.nowMs()), last + 1 / statesInMs)),
    machine: () => Math.max(Math.floor(clock.nowMs()) + 1 - 1 / statesInMs, last),
  };
}

/** Measures who waits for whom in a put, for `LevelPolicy`. */
import type { Clock } from '../../std/std.ts';
import type { StripeTimes } from './level.ts';

/** `waiting`: the next stripe waits until one of those under way has arrived. */
export type Stage = 'waiting' | 'encoding' | 'sending';

export class StageTimes {
  readonly #clock: Clock;
  readonly #running = { waiting: 0, encoding: 0, sending: 0 };
  #sinceMs: number;
  #elapsedMs = 0;
  #blockedMs = 0;
  #starvedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** Runs `work` as part of a stage; several may run at once, also of one stage. */
  async during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    this.#account();
    this.#running[stage]++;
    try {
      return await work();
    } finally {
      this.#account();
      this.#running[stage]--;
    }
  }

  /** What happened since the last lap. */
  lap(): StripeTimes {
    this.#account();
    const times = { elapsedMs: this.#elapsedMs, blockedMs: this.#blockedMs, starvedMs: this.#starvedMs };
    this.#elapsedMs = this.#blockedMs = this.#starvedMs = 0;
    return times;
  }

  #account(): void {
    const { waiting, encoding, sending } = this.#running;
    const nowMs = this.#clock.monotonicMs();
    const ms = nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    this.#elapsedMs += ms;
    if (waiting > 0 && encoding === 0) this.#blockedMs += ms;
    if (encoding > 0 && sending === 0) this.#starvedMs += ms;
  }
}

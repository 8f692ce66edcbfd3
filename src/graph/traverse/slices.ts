import type { Clock } from '../../std/std.ts';

/** A graph in memory answers without ever leaving the turn; so a walk hands the thread back after so long. */
const sliceMs = 5;

export class Slices {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  #since: number;

  constructor(clock: Pick<Clock, 'monotonicMs' | 'sleep'>) {
    this.#clock = clock;
    this.#since = clock.monotonicMs();
  }

  /** Undefined while there is time left; otherwise what to await before going on. */
  over(): Promise<void> | undefined {
    return this.#clock.monotonicMs() - this.#since < sliceMs ? undefined : this.#rest();
  }

  async #rest(): Promise<void> {
    await this.#clock.sleep(0);
    this.#since = this.#clock.monotonicMs();
  }
}

import type { Clock } from '../../std/std.ts';

/** Something with work in small steps. */
export interface Worker {
  /** Does one step. False when there is none left, or it has to wait. */
  step(): boolean;
}

/** Steps of one worker before the next has its turn, and before the clock is looked at. */
const stepsAtOnce = 16;

/** Shares the process between workers: none keeps it for longer than `turnMs` at a stretch. */
export class Turns {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #ready = new Set<Worker>();
  #scheduled = false;
  #running = false;
  #closed = false;

  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
  }

  /** Begins at once when nobody else is at work. */
  add(worker: Worker): void {
    if (this.#closed) return;
    this.#ready.add(worker);
    if (!this.#running && !this.#scheduled) this.#run();
  }

  remove(worker: Worker): void {
    this.#ready.delete(worker);
  }

  close(): void {
    this.#closed = true;
    this.#ready.clear();
  }

  #run(): void {
    this.#scheduled = false;
    this.#running = true;
    const untilMs = this.#clock.monotonicMs() + this.#turnMs;
    try {
      // A worker that is not done goes to the end of the set, which the loop then reaches again.
      for (const worker of this.#ready) {
        this.#ready.delete(worker);
        if (runSteps(worker) && !this.#closed) this.#ready.add(worker);
        if (this.#clock.monotonicMs() >= untilMs) break;
      }
    } finally {
      this.#running = false;
    }
    if (this.#ready.size === 0 || this.#closed) return;
    this.#scheduled = true;
    this.#clock.after(0, () => this.#run());
  }
}

function runSteps(worker: Worker): boolean {
  for (let step = 0; step < stepsAtOnce; step++) if (!worker.step()) return false;
  return true;
}

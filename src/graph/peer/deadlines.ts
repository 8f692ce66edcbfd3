import type { Clock, Timer } from '../../std/std.ts';

interface Entry {
  readonly dueMs: number;
  run: (() => void) | undefined;
}

interface Queue {
  entries: Entry[];
  calledOff: number;
  timer: Timer | undefined;
}

/**
 * Many waits, few timers: waits of one length end in the order in which they began, so each length needs one queue
 * and one timer. A hundred thousand puts that wait for acknowledgements would otherwise hold as many timers. A wait may
 * end late by a 64th of its length.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #queues = new Map<number, Queue>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `run` once after `ms`, unless the returned function was called before. */
  after(ms: number, run: () => void): () => void {
    if (this.#closed) return () => {};
    const queue = this.#queues.get(ms) ?? { entries: [], calledOff: 0, timer: undefined };
    this.#queues.set(ms, queue);
    const entry: Entry = { dueMs: this.#clock.monotonicMs() + ms, run };
    queue.entries.push(entry);
    queue.timer ??= this.#clock.after(ms, () => this.#run(queue, ms));
    return () => {
      if (entry.run === undefined) return;
      entry.run = undefined;
      if (++queue.calledOff < 1024 || queue.calledOff < queue.entries.length / 2) return;
      queue.entries = queue.entries.filter((other) => other.run !== undefined);
      queue.calledOff = 0;
    };
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#queues.values()) timer?.cancel();
    this.#queues.clear();
  }

  #run(queue: Queue, ms: number): void {
    queue.timer = undefined;
    const now = this.#clock.monotonicMs();
    const waiting = queue.entries.findIndex((entry) => entry.run !== undefined && entry.dueMs > now);
    const due = queue.entries.splice(0, waiting < 0 ? queue.entries.length : waiting);
    const first = queue.entries[0];
    if (first) queue.timer = this.#clock.after(Math.max(first.dueMs - now, ms / 64), () => this.#run(queue, ms));
    for (const { run } of due) {
      if (run === undefined) queue.calledOff--;
      else run();
    }
  }
}

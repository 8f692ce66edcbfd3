import type { Clock, Timer } from '../../src/std/std.ts';

interface Event {
  readonly atMs: number;
  /** Events of one instant run in the order in which they were made. */
  readonly order: number;
  run: (() => void) | undefined;
}

/** What `nowMs` says at virtual time zero, so that nothing mistakes it for "never". */
const epochMs = 1_700_000_000_000;

/**
 * Time that passes only when `run` is called, from one event to the next. Between two events the real event loop
 * turns once, so all microtasks and immediates that an event caused are done before the next one.
 */
export class VirtualClock implements Clock {
  readonly #heap: Event[] = [];
  #timeMs = 0;
  #order = 0;
  /** Events that were run; a measure of how much happened. */
  events = 0;

  /** Events that wait, cancelled ones among them until their time. */
  get pending(): number {
    return this.#heap.length;
  }

  nowMs(): number {
    return epochMs + Math.floor(this.#timeMs);
  }

  monotonicMs(): number {
    return this.#timeMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const timer = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      const onAbort = (): void => {
        timer.cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(ms: number, run: () => void): Timer {
    const event: Event = { atMs: this.#timeMs + Math.max(0, ms), order: this.#order++, run };
    this.#push(event);
    return { cancel: () => (event.run = undefined) };
  }

  /** Runs all events of the next `ms`, or until `done` says so; time then stands at the last event or the end. */
  async run(ms: number, done: () => boolean = () => false): Promise<void> {
    const endMs = this.#timeMs + ms;
    await turn();
    while (!done()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endMs) {
        this.#timeMs = endMs;
        return;
      }
      this.#pop();
      if (next.run === undefined) continue;
      this.#timeMs = next.atMs;
      this.events++;
      next.run();
      await turn();
    }
  }

  /** Runs until the promise settles; fails loudly when nothing within `limitMs` can settle it. */
  async until<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    let settled = false;
    const mark = (): void => void (settled = true);
    promise.then(mark, mark);
    await this.run(limitMs, () => settled);
    if (!settled) throw new Error(`nothing settled the promise within ${limitMs} virtual ms`);
    return promise;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!earlier(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!earlier(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

/** A process's view of the clock: after `kill` nothing of it runs any more, as after kill −9. */
export class ProcessClock implements Clock {
  readonly #clock: Clock;
  #alive = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  kill(): void {
    this.#alive = false;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#clock.sleep(ms, signal).then(
        () => this.#alive && resolve(),
        (error: unknown) => this.#alive && reject(error),
      );
    });
  }

  after(ms: number, run: () => void): Timer {
    return this.#clock.after(ms, () => this.#alive && run());
  }
}

function earlier(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import type { Clock } from '../../src/std/std.ts';

/** A clock that moves only when told to, and lets everything that became due run before it goes on. */
export class ManualClock implements Clock {
  wallMs = 1_700_000_000_000;
  #nowMs = 0;
  #due: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.wallMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      this.after(ms, resolve);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  after(ms: number, run: () => void): { cancel(): void } {
    const entry = { atMs: this.#nowMs + ms, run };
    this.#due.push(entry);
    return { cancel: () => void (this.#due = this.#due.filter((one) => one !== entry)) };
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#due.filter((one) => one.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((one) => one !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}

/** Lets promises that are ready run to their end. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

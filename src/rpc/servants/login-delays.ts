/** How long a wrong token waits for its answer: longer with each failure of one address. A right one never waits. */
import type { Clock } from '../../std/std.ts';
import { limits } from '../limits.ts';

/** Failures are forgotten after so long without another. */
const forgetMs = 10 * 60_000;
const addresses = 4096;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
}

export class LoginDelays {
  readonly #clock: Clock;
  /** Oldest failure first. */
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `told` hears how many there were, at the first, second, fourth and so on: a log must not grow as fast as a client can guess. */
  async failed(address: string, signal: AbortSignal, told: (failures: number) => void): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#failures.get(address);
    const count = before !== undefined && nowMs - before.lastMs < forgetMs ? before.count + 1 : 1;
    this.#failures.delete(address);
    this.#failures.set(address, { count, lastMs: nowMs });
    if (this.#failures.size > addresses) this.#failures.delete(this.#failures.keys().next().value as string);
    if (Number.isInteger(Math.log2(count))) told(count);
    await this.#clock.sleep(delayMs(count), signal);
  }

  succeeded(address: string): void {
    this.#failures.delete(address);
  }
}

export function delayMs(failures: number): number {
  return Math.min(limits.loginDelayMs * 2 ** (failures - 1), limits.longestLoginDelayMs);
}

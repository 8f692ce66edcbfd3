import type { Clock } from '../../std/std.ts';

/**
 * A map that forgets: entries live for at least `ttlMs` after they were set or asked for, unless more than `limit`
 * came meanwhile. Two generations instead of a time per entry, so that forgetting costs nothing.
 */
export class Generations<T> {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #half: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  #turnedMs: number;

  constructor(clock: Clock, ttlMs: number, limit: number) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#half = Math.max(1, Math.floor(limit / 2));
    this.#turnedMs = clock.monotonicMs();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.set(key, old);
    return old;
  }

  set(key: string, value: T): void {
    if (this.#young.size >= this.#half) this.#turn();
    this.#young.set(key, value);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  /** Called by a timer of the owner, so that silence frees memory too. */
  sweep(): void {
    if (this.#clock.monotonicMs() - this.#turnedMs >= this.#ttlMs) this.#turn();
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#turnedMs = this.#clock.monotonicMs();
  }
}

/** A token bucket that may be overdrawn: what was taken too much is waited for. */
export class Bucket {
  readonly #perMs: number;
  readonly #size: number;
  #tokens: number;
  #atMs: number;

  /** As many tokens as come in a second may be taken at once. */
  constructor(perSecond: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#size = perSecond;
    this.#tokens = perSecond;
    this.#atMs = nowMs;
  }

  take(count: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= count;
  }

  /** Takes one if there is one. */
  tryTake(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Milliseconds until it is no longer overdrawn; 0 when it is not. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs);
  }

  #fill(nowMs: number): void {
    if (nowMs <= this.#atMs) return;
    this.#tokens = Math.min(this.#size, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}

/** Lets so many through, and others as those leave. */
export class Turnstile {
  #free: number;
  #closed = false;
  readonly #waiting: ((passed: boolean) => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** False when it closed. */
  enter(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) next(true);
    else this.#free++;
  }

  close(): void {
    this.#closed = true;
    for (const each of this.#waiting.splice(0)) each(false);
  }
}

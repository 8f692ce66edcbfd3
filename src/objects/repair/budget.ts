/** Bytes that repair may have in memory at one time. Waiters are served in order; one that alone is larger than all waits for an empty house. */
export class ByteBudget {
  readonly #limit: number;
  #used = 0;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get usedBytes(): number {
    return this.#used;
  }

  async run<T>(bytes: number, task: () => Promise<T>): Promise<T> {
    await this.#acquire(bytes);
    try {
      return await task();
    } finally {
      this.#used -= bytes;
      this.#admit();
    }
  }

  #acquire(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ bytes, enter: resolve });
      this.#admit();
    });
  }

  #admit(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || (this.#used > 0 && this.#used + next.bytes > this.#limit)) return;
      this.#waiting.shift();
      this.#used += next.bytes;
      next.enter();
    }
  }
}

/**
 * A bound for bytes of bodies that arrive at one time. Nobody knows a body's length before its end, so when all of it is
 * held by incomplete bodies one of them may overdraw it: there is always one that can finish. (`native/quic` does the same.)
 */
export class ByteBudget {
  #free: number;
  #overdrawn: ByteHold | undefined;
  readonly #waiting: { hold: ByteHold; bytes: number; grant: () => void }[] = [];

  constructor(bytes: number) {
    this.#free = bytes;
  }

  get freeBytes(): number {
    return this.#free;
  }

  hold(): ByteHold {
    return new ByteHold(this);
  }

  /** Resolves when the bytes are the hold's. */
  take(hold: ByteHold, bytes: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ hold, bytes, grant: resolve });
      this.#serve();
    });
  }

  give(hold: ByteHold): void {
    this.#free += hold.bytes;
    if (this.#overdrawn === hold) this.#overdrawn = undefined;
    const waiting = this.#waiting.findIndex((waiter) => waiter.hold === hold);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
    this.#serve();
  }

  #serve(): void {
    for (let i = 0; i < this.#waiting.length; ) {
      const waiter = this.#waiting[i];
      if (waiter === undefined) return;
      const fits = waiter.bytes <= this.#free;
      const overdraws = waiter.hold.bytes > 0 && (this.#overdrawn ?? waiter.hold) === waiter.hold;
      if (fits || overdraws) {
        if (!fits) this.#overdrawn = waiter.hold;
        this.#waiting.splice(i, 1);
        this.#free -= waiter.bytes;
        waiter.hold.bytes += waiter.bytes;
        waiter.grant();
      } else i++;
    }
  }
}

export class ByteHold {
  readonly #budget: ByteBudget;
  /** Held now; the budget's own business. */
  bytes = 0;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** Never settles after `release`. */
  take(bytes: number): Promise<void> {
    return this.#budget.take(this, bytes);
  }

  release(): void {
    this.#budget.give(this);
    this.bytes = 0;
  }
}

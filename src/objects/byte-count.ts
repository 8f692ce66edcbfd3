/** Bytes held at this moment, and the most there ever were: what the bound on memory is measured by. */
export class ByteCount {
  #now = 0;
  #peak = 0;

  add(bytes: number): void {
    this.#now += bytes;
    if (this.#now > this.#peak) this.#peak = this.#now;
  }

  get now(): number {
    return this.#now;
  }

  get peak(): number {
    return this.#peak;
  }
}

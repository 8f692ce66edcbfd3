import { PangeaError } from '../errors/errors.ts';

/** Cuts a stream of chunks where the reader wants it. Ending too early is `PROTOCOL`. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes, which the caller has bounded. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#held.length >= count) return this.#cut(count);
    const out = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      await this.#fill();
      const part = this.#cut(Math.min(this.#held.length, count - at));
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** The next `count` bytes as they come. Reading on after it ended gives nothing, so that a rest can be skipped. */
  range(count: number): AsyncIterableIterator<Uint8Array> {
    let left = count;
    const self: AsyncIterableIterator<Uint8Array> = {
      next: async () => {
        if (left === 0) return { done: true, value: undefined };
        await this.#fill();
        const value = this.#cut(Math.min(this.#held.length, left));
        left -= value.length;
        return { done: false, value };
      },
      [Symbol.asyncIterator]: () => self,
    };
    return self;
  }

  /** All that is left, to the end of the stream and whatever that throws. */
  async *rest(): AsyncGenerator<Uint8Array> {
    while (this.#held.length > 0 || (await this.#more())) yield this.#cut(this.#held.length);
  }

  async atEnd(): Promise<boolean> {
    return (this.#held.length === 0) && !(await this.#more());
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#chunks.return?.();
  }

  async #fill(): Promise<void> {
    if (this.#held.length === 0 && !(await this.#more())) throw new PangeaError('PROTOCOL', 'the stream ended too early');
  }

  async #more(): Promise<boolean> {
    while (!this.#ended && this.#held.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) this.#ended = true;
      else this.#held = value;
    }
    return this.#held.length > 0;
  }

  #cut(count: number): Uint8Array {
    const part = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return part;
  }
}

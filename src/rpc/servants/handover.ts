/** Items on their way from a client's calls to whoever reads them: bounded, and ended by either side at once. */
import { PangeaError } from '../../errors/errors.ts';

interface Waiting<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

export class Handover<T> implements AsyncIterableIterator<T> {
  readonly #windowBytes: number;
  readonly #weigh: (item: T) => number;
  /** Told of memory that waits here, and when it does no more. */
  readonly #held: (bytes: number) => void;
  readonly #items: T[] = [];
  #waitingBytes = 0;
  #reader: Waiting<T> | undefined;
  #writers: { resolve(): void; reject(error: unknown): void }[] = [];
  #end: { readonly error: unknown } | undefined;

  constructor(windowBytes: number, weigh: (item: T) => number, held: (bytes: number) => void) {
    this.#windowBytes = windowBytes;
    this.#weigh = weigh;
    this.#held = held;
  }

  /** Resolves when there is room for more. Rejects when the reader left or it was failed. */
  async push(item: T): Promise<void> {
    if (this.#end !== undefined) throw this.#end.error ?? new PangeaError('USAGE', 'this was finished: it takes no more');
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) return reader.resolve({ done: false, value: item });
    this.#items.push(item);
    this.#wait(this.#weigh(item));
    if (this.#waitingBytes > this.#windowBytes) await new Promise<void>((resolve, reject) => this.#writers.push({ resolve, reject }));
  }

  end(): void {
    this.#close(undefined);
  }

  /** What waits is dropped; the reader gets the error. */
  fail(error: unknown): void {
    this.#drop();
    this.#close(error);
  }

  async next(): Promise<IteratorResult<T>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#wait(-this.#weigh(item));
      if (this.#waitingBytes <= this.#windowBytes) for (const writer of this.#writers.splice(0)) writer.resolve();
      return { done: false, value: item };
    }
    if (this.#end?.error !== undefined) throw this.#end.error;
    if (this.#end !== undefined) return { done: true, value: undefined };
    return new Promise((resolve, reject) => (this.#reader = { resolve, reject }));
  }

  /** The reader wants no more. */
  async return(): Promise<IteratorResult<T>> {
    this.fail(new PangeaError('ABORTED', 'the node takes no more of it'));
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #close(error: unknown): void {
    if (this.#end !== undefined && error === undefined) return;
    this.#end ??= { error };
    const reader = this.#reader;
    this.#reader = undefined;
    if (error === undefined) reader?.resolve({ done: true, value: undefined });
    else reader?.reject(error);
    for (const writer of this.#writers.splice(0)) {
      if (error === undefined) writer.resolve();
      else writer.reject(error);
    }
  }

  #drop(): void {
    this.#items.length = 0;
    this.#wait(-this.#waitingBytes);
  }

  #wait(bytes: number): void {
    if (bytes === 0) return;
    this.#waitingBytes += bytes;
    this.#held(bytes);
  }
}

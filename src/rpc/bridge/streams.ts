/**
 * Streams between the threads, in both directions. The source sends while the sink has room for it (`window`), so a slow
 * reader costs the window and no more; either side can end a stream at once.
 */
import { PangeaError } from '../../errors/errors.ts';
import { errorOf, wireErrorOf } from './errors.ts';
import type { StreamMessage } from './messages.ts';

/** What an item that is no bytes counts for in a window. */
export const itemBytes = 1024;
const weightOf = (item: unknown): number => (item instanceof Uint8Array ? item.length : itemBytes);

export interface SourceOptions {
  readonly windowBytes: number;
  /** The sink wants no more, or the other thread is gone. */
  readonly stopped?: () => void;
  /** The items were sent, or never will be. */
  readonly ended?: () => void;
  /** Memory of an item comes back. */
  readonly spent?: (memory: ArrayBuffer) => void;
}

export class Streams {
  readonly #post: (message: StreamMessage, transfer: readonly ArrayBuffer[]) => void;
  readonly #sources = new Map<number, Source>();
  readonly #sinks = new Map<number, Sink<unknown>>();
  #next = 1;

  constructor(post: (message: StreamMessage, transfer: readonly ArrayBuffer[]) => void) {
    this.#post = post;
  }

  /** Begins to send, from the next turn on, so that whoever is to read can be told the id first. Memory of bytes is handed over. */
  send(items: AsyncIterable<unknown>, options: SourceOptions): number {
    const stream = this.#next++;
    const source = new Source(items, options, (item) => this.#post({ type: 'item', stream, item }, memoryOf(item)));
    this.#sources.set(stream, source);
    void source.run().then((error) => {
      if (this.#sources.delete(stream)) this.#post({ type: 'end', stream, ...(error === undefined ? {} : { error: wireErrorOf(error) }) }, []);
    });
    return stream;
  }

  /** With `givesBack` an item is good until the next is asked for: its memory goes back to the source then. */
  receive<T>(stream: number, givesBack = false): Sink<T> {
    const sink = new Sink<T>(givesBack, {
      credit: (bytes, memory) => this.#post({ type: 'credit', stream, bytes, ...(memory === undefined ? {} : { memory }) }, memory === undefined ? [] : [memory]),
      stop: () => {
        if (this.#sinks.delete(stream)) this.#post({ type: 'stop', stream }, []);
      },
    });
    this.#sinks.set(stream, sink as Sink<unknown>);
    return sink;
  }

  /** `stop` answers items of a stream that nobody reads any more. */
  handle(message: StreamMessage): void {
    const { stream } = message;
    if (message.type === 'credit') return this.#sources.get(stream)?.credit(message.bytes, message.memory);
    if (message.type === 'stop') {
      const source = this.#sources.get(stream);
      this.#sources.delete(stream);
      return source?.stop();
    }
    const sink = this.#sinks.get(stream);
    if (message.type === 'item') return sink === undefined ? this.#post({ type: 'stop', stream }, []) : sink.add(message.item);
    this.#sinks.delete(stream);
    sink?.end(message.error && errorOf(message.error));
  }

  /** The other side is gone. */
  close(error: PangeaError): void {
    const [sources, sinks] = [[...this.#sources.values()], [...this.#sinks.values()]];
    this.#sources.clear();
    this.#sinks.clear();
    for (const source of sources) source.stop();
    for (const sink of sinks) sink.end(error);
  }
}

class Source {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #options: SourceOptions;
  readonly #give: (item: unknown) => void;
  #underWayBytes = 0;
  #isStopped = false;
  #wake: (() => void) | undefined;

  constructor(items: AsyncIterable<unknown>, options: SourceOptions, give: (item: unknown) => void) {
    this.#iterator = items[Symbol.asyncIterator]();
    this.#options = options;
    this.#give = give;
  }

  /** Resolves with what went wrong in the items. */
  async run(): Promise<unknown> {
    try {
      await Promise.resolve();
      while (!this.#isStopped) {
        const { done, value } = await this.#iterator.next();
        if (done === true || this.#isStopped) return undefined;
        this.#underWayBytes += weightOf(value);
        this.#give(value);
        // One item may exceed the window, or a stream of large chunks and a small window would never begin.
        while (this.#underWayBytes >= this.#options.windowBytes && !this.#isStopped) await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      return undefined;
    } catch (error) {
      return error ?? new PangeaError('INTERNAL', 'a stream ended without a reason');
    } finally {
      this.#options.ended?.();
    }
  }

  credit(bytes: number, memory: ArrayBuffer | undefined): void {
    this.#underWayBytes -= bytes;
    if (memory !== undefined) this.#options.spent?.(memory);
    this.#wake?.();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
    this.#options.stopped?.();
    // Not awaited: a generator that waits for its next item returns only after it.
    void Promise.resolve(this.#iterator.return?.()).catch(() => undefined);
  }
}

interface Back {
  credit(bytes: number, memory?: ArrayBuffer): void;
  stop(): void;
}

/** Of bytes; the rest is cloned. */
const memoryOf = (item: unknown): ArrayBuffer[] => (item instanceof Uint8Array && item.buffer instanceof ArrayBuffer ? [item.buffer] : []);

export class Sink<T> implements AsyncIterableIterator<T> {
  readonly #back: Back;
  readonly #givesBack: boolean;
  #last: Uint8Array | undefined;
  readonly #items: T[] = [];
  #waiting: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void } | undefined;
  #end: { readonly error: unknown } | undefined;

  constructor(givesBack: boolean, back: Back) {
    this.#givesBack = givesBack;
    this.#back = back;
  }

  async next(): Promise<IteratorResult<T>> {
    if (this.#last !== undefined) {
      this.#back.credit(this.#last.length, this.#last.buffer as ArrayBuffer);
      this.#last = undefined;
    }
    const item = this.#items.shift();
    if (item !== undefined) return this.#given(item);
    if (this.#end === undefined) return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
    const { error } = this.#end;
    this.#end = { error: undefined };
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<T>> {
    this.abort(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends it from this side; items that wait are dropped, and the reader gets the error. */
  abort(error: unknown): void {
    if (this.#end === undefined) this.#back.stop();
    // An end that came behind items that are dropped now would make what was read look whole.
    else if (this.#items.length > 0) this.#end = { error };
    this.#items.length = 0;
    this.end(error);
  }

  add(item: unknown): void {
    if (this.#end !== undefined) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#items.push(item as T);
    else waiting.resolve(this.#given(item as T));
  }

  end(error: unknown): void {
    this.#end ??= { error };
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    if (error === undefined) return waiting.resolve({ done: true, value: undefined });
    this.#end = { error: undefined };
    waiting.reject(error);
  }

  #given(item: T): IteratorResult<T> {
    if (this.#givesBack && item instanceof Uint8Array) this.#last = item;
    else this.#back.credit(weightOf(item));
    return { done: false, value: item };
  }
}

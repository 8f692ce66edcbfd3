/** Reads the records of an engine. They come from our own crate: a wrong one is a bug, and crashes. */
import type { Message } from 'capnp-es';
import { received } from './message.ts';

const text = new TextDecoder();

export class Records {
  readonly #words: Uint32Array;
  readonly #buffer: ArrayBuffer;
  readonly #take: (handle: number) => readonly Uint8Array[];
  #at = 0;
  #next = 0;

  /** `take` gives the segments of a message by handle. */
  constructor(buffer: ArrayBuffer, take: (handle: number) => readonly Uint8Array[]) {
    this.#buffer = buffer;
    this.#words = new Uint32Array(buffer);
    this.#take = take;
  }

  /** Kind of the next record, or 0 at the end. */
  next(): number {
    this.#at = this.#next;
    if (this.#at >= this.#words.length) return 0;
    const kind = this.word();
    this.#next = this.#at - 1 + this.word();
    return kind;
  }

  word(): number {
    return this.#words[this.#at++] ?? 0;
  }

  text(): string {
    const bytes = this.word();
    return text.decode(new Uint8Array(this.#buffer, this.#at * 4, bytes));
  }

  capabilities(): number[] {
    const count = this.word();
    const found: number[] = [];
    for (let index = 0; index < count; index += 1) found.push(this.word() | 0);
    return found;
  }

  message(): Message {
    const handle = this.word();
    const count = this.word();
    if (handle !== 0) return received(this.#take(handle).map(({ buffer }) => buffer as ArrayBuffer));
    let start = (this.#at + count) * 4;
    const segments: ArrayBuffer[] = [];
    for (let index = 0; index < count; index += 1) {
      const end = start + this.word();
      segments.push(this.#buffer.slice(start, end));
      start = end;
    }
    return received(segments);
  }
}

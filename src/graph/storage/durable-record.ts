/**
 * Nodes and fields as bytes, per `schema/graph-store.md`. Each record ends with a checksum over its key and
 * itself: LevelDB does not verify its own when it reads.
 */
import { crc32 } from 'node:zlib';
import { PangeaError } from '../../errors/errors.ts';
import { GraphNode } from '../data/node.ts';
import type { Field, Value } from '../data/types.ts';

/** The kinds of records under a soul. */
const whole = 1;
const split = 2;

const tags = { null: 0, false: 1, true: 2, number: 3, text: 4, wideText: 5, link: 6, wideLink: 7 } as const;
const checksumBytes = 4;
/** Length, state and tag of a field, and the checksum, at their longest. */
const fieldOverhead = 24;
/** Texts up to so many characters are copied by a loop, which is quicker than the call into the runtime. */
const shortText = 24;

/** What lies under a soul: all of the node, or the word that its fields lie under keys of their own. */
export type NodeRecord = GraphNode | 'split';

/** Writes records one behind the other into large buffers. What it gave stays valid; nothing is reused. */
export class RecordWriter {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #at = 0;

  node(at: Buffer, node: GraphNode): Buffer {
    let bound = 1 + checksumBytes;
    for (const field of node.fields()) bound += fieldOverhead + 3 * (field.key.length + textLength(field.value));
    const start = this.#reserve(bound);
    this.#buffer[this.#at++] = whole;
    for (const { key, value, state } of node.fields()) {
      this.#text(key, 1);
      this.#at = this.#buffer.writeDoubleLE(state, this.#at);
      this.#value(value);
    }
    return this.#finish(start, at);
  }

  splitMark(at: Buffer): Buffer {
    const start = this.#reserve(1 + checksumBytes);
    this.#buffer[this.#at++] = split;
    return this.#finish(start, at);
  }

  field(at: Buffer, { key, value, state }: Field): Buffer {
    const start = this.#reserve(fieldOverhead + 3 * (key.length + textLength(value)));
    this.#at = this.#buffer.writeDoubleLE(state, this.#at);
    this.#value(value);
    return this.#finish(start, at);
  }

  #reserve(bytes: number): number {
    if (this.#at + bytes > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(64 * 1024, bytes));
      this.#at = 0;
    }
    return this.#at;
  }

  #finish(start: number, at: Buffer): Buffer {
    this.#at = this.#buffer.writeUInt32LE(crc32(this.#buffer.subarray(start, this.#at), crc32(at)), this.#at);
    return this.#buffer.subarray(start, this.#at);
  }

  #value(value: Value): void {
    if (typeof value === 'string') return this.#tagged(tags.text, value);
    if (typeof value === 'number') {
      this.#buffer[this.#at++] = tags.number;
      this.#at = this.#buffer.writeDoubleLE(value, this.#at);
    } else if (value === null) this.#buffer[this.#at++] = tags.null;
    else if (typeof value === 'boolean') this.#buffer[this.#at++] = value ? tags.true : tags.false;
    else this.#tagged(tags.link, value['#']);
  }

  #tagged(tag: number, text: string): void {
    this.#buffer[this.#at++] = text.isWellFormed() ? tag : tag + 1;
    this.#text(text, 0);
  }

  /** Length and text; with `flag` the lowest bit of the length says whether the text is UTF-16. */
  #text(text: string, flag: 0 | 1): void {
    const buffer = this.#buffer;
    if (text.length <= shortText) {
      let at = this.#at + 1;
      let unit = 0;
      for (let position = 0; position < text.length && (unit = text.charCodeAt(position)) < 0x80; position++) buffer[at++] = unit;
      if (unit < 0x80) {
        buffer[this.#at] = text.length << flag;
        this.#at = at;
        return;
      }
    }
    const wide = !text.isWellFormed();
    const bytes = wide ? text.length * 2 : Buffer.byteLength(text);
    this.#varint(flag ? bytes * 2 + (wide ? 1 : 0) : bytes);
    this.#at += wide ? buffer.write(text, this.#at, 'utf16le') : buffer.write(text, this.#at);
  }

  #varint(number: number): void {
    while (number >= 0x80) {
      this.#buffer[this.#at++] = (number % 0x80) | 0x80;
      number = Math.floor(number / 0x80);
    }
    this.#buffer[this.#at++] = number;
  }
}

/** Fails with STORE_CORRUPT. */
export function readNode(at: Buffer, soul: string, bytes: Buffer): NodeRecord {
  return checked(at, bytes, (reader) => {
    const kind = reader.byte();
    if (kind === split && reader.atEnd) return 'split';
    if (kind !== whole) throw new RangeError('unknown kind');
    const node = new GraphNode(soul);
    while (!reader.atEnd) {
      const length = reader.varint();
      const key = reader.text((length - (length % 2)) / 2, length % 2 === 1);
      const state = reader.double();
      node.set(key, reader.value(), state);
    }
    return node;
  });
}

/** Fails with STORE_CORRUPT. */
export function readField(at: Buffer, key: string, bytes: Buffer): Field {
  return checked(at, bytes, (reader) => {
    const state = reader.double();
    const field = { key, value: reader.value(), state };
    if (!reader.atEnd) throw new RangeError('more than a field');
    return field;
  });
}

function checked<T>(at: Buffer, bytes: Buffer, parse: (reader: RecordReader) => T): T {
  const end = bytes.length - checksumBytes;
  if (end < 1 || crc32(bytes.subarray(0, end), crc32(at)) !== bytes.readUInt32LE(end)) throw new PangeaError('STORE_CORRUPT', 'a record of the graph store is damaged');
  try {
    return parse(new RecordReader(bytes, end));
  } catch (cause) {
    throw new PangeaError('STORE_CORRUPT', 'a record of the graph store cannot be read', { cause });
  }
}

class RecordReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at = 0;

  constructor(bytes: Buffer, end: number) {
    this.#bytes = bytes;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  double(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  varint(): number {
    let number = 0;
    for (let factor = 1; factor < 2 ** 49; factor *= 0x80) {
      const byte = this.byte();
      number += (byte & 0x7f) * factor;
      if (byte < 0x80) return number;
    }
    throw new RangeError('a length without end');
  }

  text(length: number, wide: boolean): string {
    const start = this.#take(length);
    return wide ? this.#bytes.toString('utf16le', start, start + length) : this.#bytes.toString('utf8', start, start + length);
  }

  value(): Value {
    const tag = this.byte();
    if (tag === tags.text || tag === tags.wideText) return this.text(this.varint(), tag === tags.wideText);
    if (tag === tags.number) return this.double();
    if (tag === tags.link || tag === tags.wideLink) return { '#': this.text(this.varint(), tag === tags.wideLink) };
    if (tag === tags.null) return null;
    if (tag === tags.true || tag === tags.false) return tag === tags.true;
    throw new RangeError('unknown tag');
  }

  #take(bytes: number): number {
    const start = this.#at;
    if (bytes > this.#end - start) throw new RangeError('ends early');
    this.#at = start + bytes;
    return start;
  }
}

function textLength(value: Value): number {
  return typeof value === 'string' ? value.length : value !== null && typeof value === 'object' ? value['#'].length : 0;
}

/** The LevelDB under the durable store: its keys, pages of them, and batches that leave the event loop free. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClassicLevel } from 'classic-level';
import { behind, encodeText } from './durable-text.ts';

export type Level = ClassicLevel<Buffer, Buffer>;

export interface Put {
  readonly type: 'put';
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Bytes between which keys lie, from `gte` and before `lt`. */
export interface KeySpan {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

/** More operations are handed over in slices, so that no turn of the event loop takes longer than some milliseconds. */
const operationsATurn = 1_024;
const pageEntries = 1_000;
const pageBytes = 256 * 1024;

const [bang, nodes, fields] = ['!', 'n', 'f'].map((letter) => letter.charCodeAt(0)) as [number, number, number];

export const formatKey = Buffer.from([bang, ...Buffer.from('format')]);
export const nodeSpan: KeySpan = { gte: Buffer.from([nodes]), lt: Buffer.from([nodes + 1]) };

export function nodeKey(soul: string): Buffer {
  return prefixed(nodes, soul);
}

/** Under which all fields of a split node lie. The length in front keeps the fields of one soul from those of another. */
export function fieldPrefix(soul: string): Buffer {
  const text = encodeText(soul);
  const key = Buffer.allocUnsafe(5 + text.length);
  key[0] = fields;
  key.writeUInt32BE(text.length, 1);
  text.copy(key, 5);
  return key;
}

export function fieldKey(prefix: Buffer, key: string): Buffer {
  return Buffer.concat([prefix, encodeText(key)]);
}

/** Keys that begin with `prefix`, from the text `from`, up to and with all that begin with the text `through`. */
export function spanWithin(prefix: Buffer, from: string, through: string | undefined): KeySpan {
  const end = through === undefined ? prefix : Buffer.concat([prefix, encodeText(through)]);
  return { gte: Buffer.concat([prefix, encodeText(from)]), lt: behind(end) as Buffer };
}

/** Entries of a span in pages, over its state at the first step. Without values where `keysOnly`. */
export async function* pages(level: Level, span: KeySpan, { reverse = false, keysOnly = false, first = pageEntries } = {}): AsyncIterable<readonly [Buffer, Buffer][]> {
  const iterator = level.iterator({ ...span, reverse, values: !keysOnly, fillCache: !keysOnly, highWaterMarkBytes: pageBytes });
  try {
    for (let size = first; ; size = Math.min(size * 4, pageEntries)) {
      const page = await iterator.nextv(size);
      if (page.length === 0) return;
      yield page as [Buffer, Buffer][];
    }
  } finally {
    await iterator.close();
  }
}

/** One synced, atomic batch. */
export async function commit(level: Level, puts: Put[]): Promise<void> {
  if (puts.length <= operationsATurn) return level.batch(puts, { sync: true });
  const batch = level.batch();
  try {
    for (let at = 0; at < puts.length; at++) {
      if (at % operationsATurn === 0) await nextTurn();
      const { key, value } = puts[at] as Put;
      batch.put(key, value);
    }
    await batch.write({ sync: true });
  } finally {
    await batch.close();
  }
}

function prefixed(letter: number, soul: string): Buffer {
  const text = encodeText(soul);
  const key = Buffer.allocUnsafe(1 + text.length);
  key[0] = letter;
  text.copy(key, 1);
  return key;
}

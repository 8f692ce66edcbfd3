import type { Random } from '../../std/std.ts';
import { graphHash } from '../data/hash.ts';
import { randomId } from '../data/random-id.ts';
import type { Delta, Field } from '../data/types.ts';
import { encodeAnswer, encodeGraph } from './encode.ts';

/** Beyond so many fields their order is not worth the stall. */
const sortedFields = 5000;

export interface Pieces {
  readonly answers: string;
  readonly nodes: readonly Delta[];
  /** Keys of one piece, among which gun.js counts the `_` of the first. */
  readonly keys: number;
  readonly chars: number;
  /** What the asker has already: an answer of one piece with this hash is not sent. */
  readonly known: number | undefined;
  readonly random: Random;
}

/** An answer in pieces, each naming the next in `%`. Made one by one, so that a node of any size is never text as a whole. */
export function* answerPieces({ answers, nodes, keys, chars, known, random }: Pieces): IterableIterator<string> {
  let id = randomId(random);
  let first = true;
  let piece: readonly Delta[] | undefined;
  for (const next of split(nodes, { keys, chars, sorted: true, sizeOf })) {
    if (piece) {
      const following = randomId(random);
      yield encodeAnswer(id, answers, graphHash(piece), encodeGraph(piece), following);
      id = following;
      first = false;
    }
    piece = next;
  }
  if (!piece) return;
  const hash = graphHash(piece);
  if (!first || hash !== known) yield encodeAnswer(id, answers, hash, encodeGraph(piece), undefined);
}

/** `\\u0000` for one unit. */
const longestEscape = 6;

/** Deltas in parts of no more characters as text than the limit, but for a single field that is longer, which is never parted. */
export function splitPut(deltas: readonly Delta[], limit: number): readonly (readonly Delta[])[] {
  // Escapes are counted only where they could matter.
  const harmless = limit / longestEscape;
  return roughSize(deltas, harmless) <= harmless ? [deltas] : [...split(deltas, { keys: Number.POSITIVE_INFINITY, chars: limit, sorted: false, sizeOf: exactSize })];
}

/** Stops counting beyond the limit. */
function roughSize(deltas: readonly Delta[], limit: number): number {
  let size = 0;
  for (const { soul, fields } of deltas) {
    size += 2 * soul.length;
    for (const field of fields) size += sizeOf(field);
    if (size > limit) break;
  }
  return size;
}

/** As JSON, where the key stands twice, once with its state; escapes are left out of account. */
function sizeOf({ key, value }: Field): number {
  return 2 * key.length + (typeof value === 'string' ? value.length : 16) + 32;
}

function exactSize({ key, value }: Field): number {
  return 2 * JSON.stringify(key).length + (typeof value === 'string' || typeof value === 'object' ? JSON.stringify(value).length : 24) + 32;
}

interface Cut {
  readonly keys: number;
  readonly chars: number;
  readonly sorted: boolean;
  readonly sizeOf: (field: Field) => number;
}

function* split(nodes: readonly Delta[], { keys: limit, chars: charLimit, sorted, sizeOf: size }: Cut): IterableIterator<readonly Delta[]> {
  let piece: Delta[] = [];
  let left = limit - 1;
  let chars = 0;
  for (const node of nodes) {
    const around = 2 * JSON.stringify(node.soul).length + 24;
    const all = sorted && node.fields.length <= sortedFields ? [...node.fields].sort(byKey) : node.fields;
    let from = 0;
    for (let at = 0; at < all.length; at++) {
      const field = all[at] as Field;
      const more = size(field) + (at === from ? around : 0);
      if (left === 0 || (chars > 0 && chars + more > charLimit)) {
        if (at > from) piece.push({ soul: node.soul, fields: all.slice(from, at) });
        if (piece.length > 0) yield piece;
        piece = [];
        from = at;
        left = limit;
        chars = 0;
      }
      left--;
      chars += chars === 0 ? size(field) + around : more;
    }
    if (from < all.length) piece.push({ soul: node.soul, fields: from === 0 ? all : all.slice(from) });
  }
  if (piece.length > 0) yield piece;
}

function byKey(a: Field, b: Field): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

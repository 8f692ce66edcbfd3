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
  for (const next of split(nodes, keys, chars, true)) {
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

/** Deltas in parts of about so many characters as text; a single field is never parted. */
export function splitPut(deltas: readonly Delta[], limit: number): readonly (readonly Delta[])[] {
  return roughSize(deltas, limit) <= limit ? [deltas] : [...split(deltas, Number.POSITIVE_INFINITY, limit, false)];
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

/** As JSON, where the key stands twice, once with its state. */
function sizeOf({ key, value }: Field): number {
  return 2 * key.length + (typeof value === 'string' ? value.length : 16) + 32;
}

function* split(nodes: readonly Delta[], limit: number, charLimit: number, sorted: boolean): IterableIterator<readonly Delta[]> {
  let piece: Delta[] = [];
  let left = limit - 1;
  let chars = 0;
  for (const node of nodes) {
    const all = sorted && node.fields.length <= sortedFields ? [...node.fields].sort(byKey) : node.fields;
    let from = 0;
    for (let at = 0; at < all.length; at++) {
      const field = all[at] as Field;
      const size = sizeOf(field);
      if (left === 0 || (chars > 0 && chars + size > charLimit)) {
        if (at > from) piece.push({ soul: node.soul, fields: all.slice(from, at) });
        if (piece.length > 0) yield piece;
        piece = [];
        from = at;
        left = limit;
        chars = 0;
      }
      left--;
      chars += size;
    }
    if (from < all.length) piece.push({ soul: node.soul, fields: from === 0 ? all : all.slice(from) });
  }
  if (piece.length > 0) yield piece;
}

function byKey(a: Field, b: Field): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

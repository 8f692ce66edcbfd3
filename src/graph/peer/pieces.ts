import type { Delta, Field } from '../data/types.ts';

/**
 * Deltas in messages of about so many characters each: a node with a hundred thousand fields in one would be over the
 * limit of its receiver. A single field larger than that is a message of its own.
 */
export function* inPieces(deltas: Iterable<Delta>, chars: number): IterableIterator<readonly Delta[]> {
  let piece: Delta[] = [];
  let left = chars;
  for (const { soul, fields } of deltas) {
    let part: Field[] = [];
    left -= soul.length;
    for (const field of fields) {
      const size = sizeOf(field);
      if (size > left && (part.length > 0 || piece.length > 0)) {
        if (part.length > 0) piece.push({ soul, fields: part });
        yield piece;
        piece = [];
        part = [];
        left = chars - soul.length;
      }
      part.push(field);
      left -= size;
    }
    if (part.length > 0) piece.push({ soul, fields: part });
  }
  if (piece.length > 0) yield piece;
}

/** About what a field takes in JSON, state and punctuation included. */
function sizeOf({ key, value }: Field): number {
  const text = typeof value === 'string' ? value.length : typeof value === 'object' && value !== null ? value['#'].length : 8;
  return 2 * key.length + text + 32;
}

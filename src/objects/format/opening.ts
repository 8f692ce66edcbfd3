/**
 * The opening of an object in one answer: header, manifest, holders record and the first page (or page index),
 * so that a small object is read in two round trips. Asked for as kind `header`, row 1.
 */
import { beginFramed, parseFramed, type Format } from './framing.ts';
import { layoutLimits } from './layout.ts';

export const openingRow = 1;

export interface Opening {
  readonly header: Uint8Array;
  readonly manifest: Uint8Array;
  readonly holders: Uint8Array;
  /** Page 0, or page index 0 where there are indexes. */
  readonly first: Uint8Array;
}

const maxPartBytes = layoutLimits.manifestBytes;
const format: Format = { name: 'the opening', magic: 'PGOP', maxBytes: 24 + 4 * maxPartBytes, code: 'LAYOUT_INVALID' };

export function encodeOpening(opening: Opening): Uint8Array {
  const parts = [opening.header, opening.manifest, opening.holders, opening.first];
  const writer = beginFramed(format, parts.reduce((sum, part) => sum + part.length, 24));
  for (const part of parts) writer.u32(part.length);
  for (const part of parts) writer.bytes(part);
  return writer.finish();
}

/** Throws `LAYOUT_INVALID`. The parts are views, still to be verified each by its own hash. */
export function parseOpening(bytes: Uint8Array): Opening {
  return parseFramed(format, bytes, (reader) => {
    const lengths = Array.from({ length: 4 }, () => reader.u32());
    if (lengths.some((length) => length > maxPartBytes)) throw new RangeError('a part that is too long');
    const [header, manifest, holders, first] = lengths.map((length) => reader.bytes(length)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    return { header, manifest, holders, first };
  });
}

/** Reads a volume from a known place to its end and tells a torn tail from damage in the middle. */
import { PangeaError } from '../../../errors/errors.ts';
import { equalBytes } from '../../../std/std.ts';
import { blake3 } from './blake3.ts';
import {
  type Place, type RecordHeader, alignment, decodeRecordHeader, recordBytes, recordHeaderBytes, recordMagic, volumeHeaderBytes,
} from './record.ts';

/** What the scanner reads from; a volume, or memory in tests. */
export interface ScanSource {
  read(offset: number, length: number): Promise<Buffer>;
}

export interface Scan {
  /** End of the last valid record: what is behind it is a torn tail. */
  readonly end: number;
  /** Bytes before it that are no record, with valid records behind them. */
  readonly damage: readonly { readonly offset: number; readonly length: number }[];
}

/** Bytes read at once while looking for the next record behind a damaged one. */
const windowBytes = 1024 * 1024;

/**
 * Visits the records between `from` and `length`. With `verify` a payload must match its identity, as is needed
 * where nothing says that the bytes were ever synced.
 */
export async function scanVolume(
  source: ScanSource, place: Place, from: number, length: number, verify: boolean,
  visit: (offset: number, header: RecordHeader) => void,
): Promise<Scan> {
  const damage: { offset: number; length: number }[] = [];
  let at = Math.max(from, volumeHeaderBytes);
  for (;;) {
    const header = await recordAt(source, place, at, length, verify);
    if (header !== undefined) {
      visit(at, header);
      at += recordBytes(header.length);
      continue;
    }
    const next = await nextRecord(source, place, at + alignment, length);
    if (next === undefined) return { end: Math.min(at, length), damage };
    damage.push({ offset: at, length: next - at });
    at = next;
  }
}

async function recordAt(source: ScanSource, place: Place, at: number, length: number, verify: boolean): Promise<RecordHeader | undefined> {
  if (at + recordHeaderBytes > length) return undefined;
  const header = decodeRecordHeader(place, at, await source.read(at, recordHeaderBytes));
  if (header === 'unsupported') {
    throw new PangeaError('STORE_CORRUPT', `volume ${place.volume} holds records of a newer version: use the newer program`);
  }
  if (header === 'damaged' || at + recordBytes(header.length) > length) return undefined;
  if (verify && !header.removal) {
    const payload = await source.read(at + recordHeaderBytes, header.length);
    if (!equalBytes(blake3(payload), header.identity)) return undefined;
  }
  return header;
}

/** The next place, from `at` on, where an intact record stands. */
async function nextRecord(source: ScanSource, place: Place, at: number, length: number): Promise<number | undefined> {
  for (; at + recordHeaderBytes <= length; at += windowBytes) {
    const window = await source.read(at, Math.min(windowBytes, length - at));
    for (let found = window.indexOf(recordMagic); found >= 0; found = window.indexOf(recordMagic, found + 1)) {
      if (found % alignment === 0 && (await recordAt(source, place, at + found, length, true)) !== undefined) return at + found;
    }
  }
  return undefined;
}

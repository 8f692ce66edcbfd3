/**
 * The public layout of an object: a header and pages, enough to verify and repair it without any key.
 * Bytes and limits: `schema/layout.md`.
 */
import { identityBytes, maxSegmentBytes, maxShardBytes } from '../../codec/codec.ts';
import { beginFramed, parseFramed, type Format } from './framing.ts';
import { dataRows, indexCount, maxStripes, minSegmentBytes, pageCount, pagesPerIndex, rows, spareRows, stripesPerPage } from './shape.ts';

/** BLAKE3 derive_key: the codec's, so that these files stay free of any backend. */
export type DeriveKey = (context: string, material: Uint8Array) => Uint8Array;

export interface LayoutHeader {
  readonly mode: 'whole' | 'striped';
  /** Plaintext bytes of a full segment; 0 for `whole`. */
  readonly segmentBytes: number;
  readonly stripes: number;
  /** Bytes of all shards. */
  readonly storedBytes: number;
  /** 32 random bytes: from it and the owner's secret comes the object's key; also what placement is computed from. */
  readonly salt: Uint8Array;
  readonly keyCommitment: Uint8Array;
  /** Hash of the secret that deletes. */
  readonly deleteTag: Uint8Array;
  readonly manifestBytes: number;
  readonly manifestHash: Uint8Array;
  /** Of the pages, or of the index pages beyond 4,096 stripes. */
  readonly hashes: readonly Uint8Array[];
}

/** What the layout commits to about one stripe. */
export interface StripeEntry {
  /** Bytes of each of the 12 rows; 0 where the last stripe of a short object has no segment. */
  readonly lengths: readonly number[];
  /** 12 × 32 bytes. */
  readonly identities: Uint8Array;
}

const context = {
  root: 'pangea-node 1 layout',
  page: 'pangea-node 1 page',
  index: 'pangea-node 1 page index',
  manifest: 'pangea-node 1 sealed manifest',
} as const;

export const layoutLimits = {
  headerBytes: 164 + pagesPerIndex * 32,
  pageBytes: 16 + stripesPerPage * rows * (identityBytes + 4),
  indexBytes: 16 + pagesPerIndex * 32,
  manifestBytes: 64 * 1024,
} as const;

const code = 'LAYOUT_INVALID';
const headerFormat: Format = { name: 'the layout header', magic: 'PGLH', maxBytes: layoutLimits.headerBytes, code };
const pageFormat: Format = { name: 'the layout page', magic: 'PGLP', maxBytes: layoutLimits.pageBytes, code };
const indexFormat: Format = { name: 'the page index', magic: 'PGLI', maxBytes: layoutLimits.indexBytes, code };

export const hashOf = {
  header: (deriveKey: DeriveKey, bytes: Uint8Array): Uint8Array => deriveKey(context.root, bytes),
  page: (deriveKey: DeriveKey, bytes: Uint8Array): Uint8Array => deriveKey(context.page, bytes),
  index: (deriveKey: DeriveKey, bytes: Uint8Array): Uint8Array => deriveKey(context.index, bytes),
  manifest: (deriveKey: DeriveKey, bytes: Uint8Array): Uint8Array => deriveKey(context.manifest, bytes),
} as const;

export function identityOf(entry: StripeEntry, row: number): Uint8Array {
  return entry.identities.subarray(row * identityBytes, (row + 1) * identityBytes);
}

export function encodeHeader(header: LayoutHeader): Uint8Array {
  const writer = beginFramed(headerFormat, 164 + header.hashes.length * 32)
    .u8(header.mode === 'whole' ? 0 : 1).u8(dataRows).u8(spareRows).u8(indexCount(header.stripes) === 0 ? 1 : 2)
    .u32(header.segmentBytes).u32(header.stripes).u64(header.storedBytes).u32(header.manifestBytes)
    .bytes(header.salt).bytes(header.keyCommitment).bytes(header.deleteTag).bytes(header.manifestHash)
    .u32(header.hashes.length);
  for (const hash of header.hashes) writer.bytes(hash);
  return writer.finish();
}

/** Throws `LAYOUT_INVALID` on anything but what `encodeHeader` could have written. */
export function parseHeader(bytes: Uint8Array): LayoutHeader {
  return parseFramed(headerFormat, bytes, (reader) => {
    const mode = reader.u8();
    if (mode > 1) throw new RangeError(`mode ${mode} is not known here`);
    if (reader.u8() !== dataRows || reader.u8() !== spareRows) throw new RangeError('a code other than 8+4');
    const levels = reader.u8();
    const segmentBytes = reader.u32();
    const stripes = reader.u32();
    const storedBytes = reader.u64();
    const manifestBytes = reader.u32();
    const [salt, keyCommitment, deleteTag, manifestHash] = [reader.bytes(32), reader.bytes(32), reader.bytes(32), reader.bytes(32)];
    const count = reader.u32();
    if (stripes < 1 || stripes > maxStripes) throw new RangeError(`${stripes} stripes`);
    if (manifestBytes < 1 || manifestBytes > layoutLimits.manifestBytes) throw new RangeError(`a manifest of ${manifestBytes} bytes`);
    if (mode === 0 ? stripes !== 1 || segmentBytes !== 0 : !isSegmentSize(segmentBytes)) throw new RangeError('sizes that do not fit the mode');
    const indexes = indexCount(stripes);
    if (levels !== (indexes === 0 ? 1 : 2) || count !== (indexes || pageCount(stripes))) throw new RangeError('pages that do not fit the stripes');
    const hashes = Array.from({ length: count }, () => reader.bytes(32));
    return {
      mode: mode === 0 ? 'whole' : 'striped', segmentBytes, stripes, storedBytes,
      salt, keyCommitment, deleteTag, manifestBytes, manifestHash, hashes,
    };
  });
}

/** A power of two between 64 KiB and 4 MiB. */
export function isSegmentSize(bytes: number): boolean {
  return bytes >= minSegmentBytes && bytes <= maxSegmentBytes && (bytes & (bytes - 1)) === 0;
}

export function encodePage(page: number, entries: readonly StripeEntry[]): Uint8Array {
  const writer = beginFramed(pageFormat, 16 + entries.length * rows * (identityBytes + 4)).u32(page).u32(entries.length);
  for (const entry of entries) {
    writer.bytes(entry.identities);
    for (const length of entry.lengths) writer.u32(length);
  }
  return writer.finish();
}

/** Throws `LAYOUT_INVALID`; `stripes` is what the header says of the whole object. */
export function parsePage(bytes: Uint8Array, page: number, stripes: number): readonly StripeEntry[] {
  return parseFramed(pageFormat, bytes, (reader) => {
    const first = page * stripesPerPage;
    const count = Math.min(stripes - first, stripesPerPage);
    if (reader.u32() !== page || reader.u32() !== count) throw new RangeError('a page of another place');
    return Array.from({ length: count }, (_, index) => {
      const identities = reader.bytes(rows * identityBytes);
      const lengths = Array.from({ length: rows }, () => reader.u32());
      checkLengths(lengths, first + index === stripes - 1);
      return { identities, lengths };
    });
  });
}

/** Data rows are filled from the first; parity is as long as the longest of them. */
function checkLengths(lengths: readonly number[], last: boolean): void {
  const data = lengths.slice(0, dataRows);
  const longest = Math.max(...data);
  if (longest > maxShardBytes) throw new RangeError(`a shard of ${longest} bytes`);
  const filled = data.findIndex((length) => length === 0);
  if (filled === 0 || (filled > 0 && (!last || data.slice(filled).some((length) => length !== 0)))) throw new RangeError('a stripe with holes');
  if (lengths.slice(dataRows).some((length) => length !== longest)) throw new RangeError('parity of another length than the data');
}

export function encodeIndex(index: number, hashes: readonly Uint8Array[]): Uint8Array {
  const writer = beginFramed(indexFormat, layoutLimits.indexBytes).u32(index).u32(hashes.length);
  for (const hash of hashes) writer.bytes(hash);
  return writer.finish();
}

export function parseIndex(bytes: Uint8Array, index: number, stripes: number): readonly Uint8Array[] {
  return parseFramed(indexFormat, bytes, (reader) => {
    const count = Math.min(pageCount(stripes) - index * pagesPerIndex, pagesPerIndex);
    if (reader.u32() !== index || reader.u32() !== count) throw new RangeError('an index of another place');
    return Array.from({ length: count }, () => reader.bytes(32));
  });
}

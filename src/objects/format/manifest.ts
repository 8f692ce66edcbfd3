/** The private manifest of an object, sealed under its key. Bytes: `schema/manifest.md`. */
import { PangeaError } from '../../errors/errors.ts';
import { fromUtf8, utf8 } from '../../std/std.ts';
import { beginFramed, parseFramed, type Format } from './framing.ts';

export type ObjectKind = 'file' | 'directory' | 'pack';

export interface Manifest {
  readonly kind: ObjectKind;
  readonly name: string;
  readonly mediaType: string;
  readonly plaintextBytes: number;
  readonly createdMs: number;
  /** As in the header; 0 for `whole`. */
  readonly segmentBytes: number;
  /** BLAKE3-256 of the plaintext, where the putter asked for it. */
  readonly checksum?: Uint8Array;
  /** The object that holds the dictionary with which this one is compressed: root and key, 32 bytes each. */
  readonly dictionary?: { readonly root: Uint8Array; readonly key: Uint8Array };
}

export const manifestLimits = { nameBytes: 4096, mediaTypeBytes: 255 } as const;

const format: Format = { name: 'the manifest', magic: 'PGMF', maxBytes: 8192, code: 'MANIFEST_INVALID' };
const kinds: readonly ObjectKind[] = ['file', 'directory', 'pack'];
/** Bits of what follows the texts. */
const present = { checksum: 1, dictionary: 2 } as const;

/** Throws `TOO_LARGE` on a name or media type beyond the limits. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const name = utf8(manifest.name);
  const mediaType = utf8(manifest.mediaType);
  if (name.length > manifestLimits.nameBytes || mediaType.length > manifestLimits.mediaTypeBytes) {
    throw new PangeaError('TOO_LARGE', `a name may have ${manifestLimits.nameBytes} bytes and a media type ${manifestLimits.mediaTypeBytes}`);
  }
  const { checksum, dictionary } = manifest;
  const writer = beginFramed(format, 136 + name.length + mediaType.length)
    .u8(kinds.indexOf(manifest.kind)).u8((checksum ? present.checksum : 0) | (dictionary ? present.dictionary : 0)).u16(name.length).u16(mediaType.length)
    .u32(manifest.segmentBytes).u64(manifest.plaintextBytes).u64(manifest.createdMs)
    .bytes(name).bytes(mediaType);
  if (checksum) writer.bytes(checksum);
  if (dictionary) writer.bytes(dictionary.root).bytes(dictionary.key);
  return writer.finish();
}

/** Throws `MANIFEST_INVALID`. */
export function parseManifest(bytes: Uint8Array): Manifest {
  return parseFramed(format, bytes, (reader) => {
    const kind = kinds[reader.u8()];
    const fields = reader.u8();
    const nameLength = reader.u16();
    const mediaTypeLength = reader.u16();
    if (kind === undefined) throw new RangeError('a kind that is not known here');
    if (fields > (present.checksum | present.dictionary)) throw new RangeError(`fields ${fields} that are not known here`);
    if (nameLength > manifestLimits.nameBytes || mediaTypeLength > manifestLimits.mediaTypeBytes) throw new RangeError('texts that are too long');
    const segmentBytes = reader.u32();
    const plaintextBytes = reader.u64();
    const createdMs = reader.u64();
    const name = fromUtf8(reader.bytes(nameLength));
    const mediaType = fromUtf8(reader.bytes(mediaTypeLength));
    const checksum = (fields & present.checksum) === 0 ? {} : { checksum: reader.bytes(32).slice() };
    const dictionary = (fields & present.dictionary) === 0 ? {} : { dictionary: { root: reader.bytes(32).slice(), key: reader.bytes(32).slice() } };
    return { kind, name, mediaType, plaintextBytes, createdMs, segmentBytes, ...checksum, ...dictionary };
  });
}

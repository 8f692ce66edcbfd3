/** Dictionaries for `node:zlib`: numbered by their bytes, so that a frame names the very one that it needs (`schema/dictionary.md`). */
import { zstdCompressSync } from 'node:zlib';
import { PangeaError } from '../../../errors/errors.ts';
import type { Dictionary } from '../../codec.ts';
import { maxDictionaryBytes } from '../../format.ts';
import { hash } from './hash.ts';

const magic = 0xec30a437;
const headerBytes = 8;
/** RFC 8878 keeps lower and higher numbers for a registry. */
const firstId = 2 ** 15;
const idCount = 2 ** 31 - firstId;

export interface PreparedDictionary {
  readonly id: number;
  /** With the right number in them. */
  readonly bytes: Uint8Array;
}

const prepared = new WeakMap<Dictionary, PreparedDictionary>();
let isSupported: boolean | undefined;

/** Throws `DICTIONARY_INVALID`, or `NOT_SUPPORTED` on a Node.js whose zlib knows no dictionaries. */
export function prepareDictionary(dictionary: Dictionary): PreparedDictionary {
  const known = prepared.get(dictionary);
  if (known) return known;
  isSupported ??= probe();
  if (!isSupported) {
    throw new PangeaError('NOT_SUPPORTED', `Node.js ${process.version} compresses without dictionaries: 24.6 or newer does, and so does the native codec`);
  }
  const view = new DataView(dictionary.buffer, dictionary.byteOffset, dictionary.byteLength);
  if (dictionary.length > maxDictionaryBytes) throw invalidDictionary('it is too large');
  if (dictionary.length < headerBytes || view.getUint32(0, true) !== magic) throw invalidDictionary('it is not in the form of zstd\'s');
  const bytes = dictionary.slice();
  const id = firstId + (new DataView(hash.hash(bytes.subarray(headerBytes)).slice().buffer).getUint32(0, true) % idCount);
  new DataView(bytes.buffer).setUint32(4, id, true);
  const made = { id, bytes };
  try {
    zstdCompressSync(new Uint8Array(1), { dictionary: bytes });
  } catch (error) {
    throw invalidDictionary('its tables are damaged', error);
  }
  prepared.set(dictionary, made);
  return made;
}

function invalidDictionary(why: string, cause?: unknown): PangeaError {
  return new PangeaError('DICTIONARY_INVALID', `this is no dictionary: ${why}`, { cause });
}

/** An older Node.js takes the option without a word, and does nothing with it. */
function probe(): boolean {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => i * i);
  return zstdCompressSync(bytes, { dictionary: bytes }).length < zstdCompressSync(bytes).length;
}

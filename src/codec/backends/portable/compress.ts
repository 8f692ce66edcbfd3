/** The compression stage: zstd by `node:zlib`, or a frame of raw blocks where zstd would not pay. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { PangeaError, isPangeaError } from '../../../errors/errors.ts';
import type { Compression, Dictionary } from '../../codec.ts';
import { prepareDictionary, type PreparedDictionary } from './dictionary.ts';
import { frameShape, storedFrameBytes, takeStored, writeStored } from './frame.ts';
import { worthCompressing } from './judge.ts';

const sampleBytes = 4096;
const samples = 4;
/**
 * Below this, as logs are, two levels up take a quarter off; elsewhere they take a twentieth for twice
 * the time, and further levels next to nothing (`docs/internals/codec.md`).
 */
const repetitiveRatio = 0.2;

/** A frame that is still to be written to where it belongs. */
export interface Frame {
  readonly byteLength: number;
  /** `target` has `byteLength` bytes. */
  writeTo(target: Uint8Array): void;
}

/** One zstd frame around `content`. A level out of 1–22 is `INTERNAL`. */
export function frameAround(content: Uint8Array, compression: Compression, dictionary: Dictionary | undefined): Frame {
  const storedBytes = storedFrameBytes(content.length);
  const level = levelFor(content, compression);
  if (level !== undefined) {
    const frame = zstd(content, level, dictionary && prepareDictionary(dictionary));
    if (frame.length < storedBytes) return { byteLength: frame.length, writeTo: (target) => target.set(frame) };
  }
  return { byteLength: storedBytes, writeTo: (target) => writeStored(content, target) };
}

/**
 * The content of exactly one frame. More than `maxBytes` is `TOO_LARGE`, before memory is taken for it;
 * a broken frame `CORRUPT`; one that names another dictionary than the one given `WRONG_DICTIONARY`, one that names none
 * is read without. The memory of the frame is used up.
 */
export function decompress(frame: Uint8Array, maxBytes: number, dictionary: Dictionary | undefined): Uint8Array {
  const shape = frameShape(frame);
  if (shape === undefined) throw new PangeaError('CORRUPT', 'the sealed content is not one zstd frame');
  const named = dictionaryNamedBy(shape.dictionaryId, dictionary);
  if ((shape.contentBytes ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const content = shape.stored ? takeStored(frame, shape) : inflate(frame, shape.contentBytes, maxBytes, named);
  if (content.length > maxBytes) throw tooLarge(maxBytes);
  if (shape.contentBytes !== undefined && shape.contentBytes !== content.length) {
    throw new PangeaError('CORRUPT', `a frame that declares ${shape.contentBytes} bytes holds ${content.length}`);
  }
  return content;
}

/** The content of one frame that holds just `bytes`; anything else is `CORRUPT`. */
export function decompressExactly(frame: Uint8Array, bytes: number, dictionary: Dictionary | undefined): Uint8Array {
  try {
    const content = decompress(frame, bytes, dictionary);
    if (content.length === bytes) return content;
  } catch (error) {
    if (!isPangeaError(error, 'TOO_LARGE')) throw error;
  }
  throw new PangeaError('CORRUPT', `the segment does not hold ${bytes} bytes`);
}

/** The given dictionary where the frame was made with it. */
function dictionaryNamedBy(id: number, dictionary: Dictionary | undefined): PreparedDictionary | undefined {
  if (id === 0) return undefined;
  if (!dictionary) throw new PangeaError('WRONG_DICTIONARY', `the content was compressed with dictionary ${id}, which is missing`);
  const prepared = prepareDictionary(dictionary);
  if (prepared.id === id) return prepared;
  throw new PangeaError('WRONG_DICTIONARY', `the content was compressed with dictionary ${id}, not with ${prepared.id}`);
}

function inflate(
  frame: Uint8Array, contentBytes: number | undefined, maxBytes: number, dictionary: PreparedDictionary | undefined,
): Uint8Array {
  try {
    const out = zstdDecompressSync(frame, {
      maxOutputLength: Math.max(1, maxBytes),
      // One piece of output instead of many joined ones.
      ...(contentBytes === undefined ? {} : { chunkSize: Math.max(64, contentBytes) }),
      ...(dictionary && { dictionary: dictionary.bytes }),
    });
    return new Uint8Array(out.buffer, out.byteOffset, out.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new PangeaError('CORRUPT', 'the sealed content does not decompress', { cause: error });
  }
}

function tooLarge(maxBytes: number): PangeaError {
  return new PangeaError('TOO_LARGE', `the content is larger than the ${maxBytes} bytes allowed`);
}

/** The zstd level to use, or undefined to store. */
function levelFor(content: Uint8Array, compression: Compression): number | undefined {
  if (compression === 'store') return undefined;
  if (typeof compression === 'number') return checkedLevel(compression);
  const lowest = checkedLevel(compression.minLevel);
  const highest = Math.max(lowest, checkedLevel(compression.maxLevel));
  if (!worthCompressing(content)) return undefined;
  const raise = Math.floor((highest - lowest) / 3);
  return raise > 0 && sampledRatio(content, lowest) < repetitiveRatio ? lowest + raise : lowest;
}

function sampledRatio(content: Uint8Array, level: number): number {
  if (content.length <= sampleBytes * samples) return 1; // too little for a level to matter
  const picked = new Uint8Array(sampleBytes * samples);
  const stride = Math.floor((content.length - sampleBytes) / (samples - 1));
  for (let i = 0; i < samples; i++) picked.set(content.subarray(i * stride, i * stride + sampleBytes), i * sampleBytes);
  return zstd(picked, level).length / picked.length;
}

function zstd(content: Uint8Array, level: number, dictionary?: PreparedDictionary): Uint8Array {
  return zstdCompressSync(content, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    ...(dictionary && { dictionary: dictionary.bytes }),
  });
}

function checkedLevel(level: number): number {
  if (!Number.isInteger(level) || level < 1 || level > 22) throw new PangeaError('INTERNAL', `zstd level ${level} is not one of 1–22`);
  return level;
}

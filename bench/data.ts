/**
 * The data that every subject works on: made from the seed, or taken from what the machine and this package ship.
 * What differs between machines shows in the hash, which the record carries.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { xxh64 } from '@node-rs/xxhash';
import { PangeaError } from '../src/errors/errors.ts';
import { seededRandom, type Random } from '../src/std/std.ts';
import { jsonLogs, words } from './data/made.ts';
import { binaries, compressedMedia, manual, sourceCode } from './data/shipped.ts';

/** One file of each kind; no data set may be larger. */
export const maxDataBytes = 64 * 2 ** 20;

export const dataNames = ['random', 'text', 'source', 'json', 'binaries', 'media'] as const;
export type DataName = (typeof dataNames)[number];

export interface DataSet {
  readonly name: DataName;
  readonly file: string;
  readonly bytes: number;
  /** xxhash64, 16 hexadecimal digits. */
  readonly xxhash64: string;
  readonly origin: string;
}

export interface DataSets {
  readonly sets: readonly DataSet[];
  fileOf(name: DataName): string;
  /** Removes the files. Safe to repeat. */
  remove(): void;
}

interface Made {
  readonly origin: string;
  readonly bytes: Uint8Array;
}

const makers: Readonly<Record<DataName, (bytes: number, random: Random) => Made>> = {
  random: (bytes, random) => ({ origin: 'xoshiro128**', bytes: random.bytes(bytes) }),
  text: (bytes, random) => {
    const shipped = manual(bytes / 2);
    return {
      origin: `${shipped.origin}, then a chain of words after it`,
      bytes: Buffer.concat([shipped.bytes, words(bytes - shipped.bytes.length, shipped.sample, random)]),
    };
  },
  source: (bytes) => sourceCode(bytes),
  json: (bytes, random) => ({ origin: 'generated log lines', bytes: jsonLogs(bytes, random) }),
  binaries: (bytes) => binaries(bytes),
  media: (bytes) => compressedMedia(bytes),
};

/** Writes every data set into a new directory. Each has exactly `bytes` bytes. */
export function makeDataSets(bytes: number, seed: number, names: readonly DataName[] = dataNames): DataSets {
  if (bytes > maxDataBytes) throw new PangeaError('TOO_LARGE', `a data set has at most ${maxDataBytes} bytes, ${bytes} were asked`);
  const directory = mkdtempSync(join(tmpdir(), 'pangea-bench-data-'));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    const sets = names.map((name): DataSet => {
      const made = makers[name](bytes, seededRandom(seed + dataNames.indexOf(name)));
      const file = join(directory, name);
      writeFileSync(file, made.bytes);
      return { name, file, bytes: made.bytes.length, xxhash64: xxh64(made.bytes).toString(16).padStart(16, '0'), origin: made.origin };
    });
    return { sets, remove, fileOf: (name) => join(directory, name) };
  } catch (error) {
    remove();
    throw error;
  }
}

/** How the stripes of a put are compressed, and what came of it. */
import type { Compression, EncodedShards } from '../../codec/codec.ts';
import type { PutCompression } from '../types.ts';

/** Counts what was tried and what the compressor gave. */
export class CompressionCount {
  readonly #levels = new Map<string, number>();
  #compressedBytes = 0;

  add(compression: Compression, { compressedBytes }: EncodedShards, plaintextBytes: number): void {
    this.#compressedBytes += compressedBytes;
    const level = compressedBytes >= plaintextBytes ? 'store' : nameOf(compression);
    this.#levels.set(level, (this.#levels.get(level) ?? 0) + 1);
  }

  report(dictionary: string | undefined): PutCompression {
    return { compressedBytes: this.#compressedBytes, levels: Object.fromEntries(this.#levels), ...(dictionary === undefined ? {} : { dictionary }) };
  }
}

/** Of all members of a tree, which use no dictionary. */
export function summedCompression(reports: readonly PutCompression[]): PutCompression {
  const levels: Record<string, number> = {};
  for (const [level, stripes] of reports.flatMap((report) => Object.entries(report.levels))) levels[level] = (levels[level] ?? 0) + stripes;
  return { compressedBytes: reports.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0), levels };
}

function nameOf(compression: Compression): string {
  if (typeof compression !== 'object') return String(compression);
  const { minLevel, maxLevel } = compression;
  return minLevel === maxLevel ? String(minLevel) : `${minLevel}-${maxLevel}`;
}

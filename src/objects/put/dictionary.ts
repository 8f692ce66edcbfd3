/** A dictionary for a put, and the samples that one is learnt from. */
import { maxSampleBytes } from '../../codec/codec.ts';
import type { TreeEntry } from '../types.ts';

export interface UsedDictionary {
  readonly root: Uint8Array;
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
}

/** The trainer looks no further into one sample. */
const oneSampleBytes = 128 * 1024;

/**
 * The beginnings of the files of a tree, `maxSampleBytes` at most: of more, every second is dropped as often as it takes, so
 * that what stays is spread over all.
 */
export async function collectSamples(entries: AsyncIterable<TreeEntry>): Promise<Uint8Array[]> {
  let samples: Uint8Array[] = [];
  let [bytes, every, seen] = [0, 1, 0];
  for await (const { content } of entries) {
    if (!content || seen++ % every !== 0) continue;
    const sample = await beginningOf(content);
    if (sample.length === 0) continue;
    samples.push(sample);
    bytes += sample.length;
    while (bytes > maxSampleBytes) {
      samples = samples.filter((_, at) => at % 2 === 0);
      bytes = samples.reduce((sum, each) => sum + each.length, 0);
      every *= 2;
    }
  }
  return samples;
}

async function beginningOf(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const sample = new Uint8Array(oneSampleBytes);
  let filled = 0;
  // To the end: the entries of a tree come one behind the other.
  for await (const chunk of content) {
    const piece = chunk.subarray(0, oneSampleBytes - filled);
    sample.set(piece, filled);
    filled += piece.length;
  }
  return sample.slice(0, filled);
}

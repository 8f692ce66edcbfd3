/** The digest in two levels: sums of groups of buckets say where it is worth to look at the buckets themselves. */
import { digestBuckets } from '../data/digest.ts';

export const groups = 256;
export const bucketsPerGroup = digestBuckets / groups;

/** Two words a group, each the sum of the words of its buckets. */
export function groupSums(buckets: Uint32Array): Uint32Array {
  const sums = new Uint32Array(2 * groups);
  for (let bucket = 0; bucket < digestBuckets; bucket++) {
    const group = 2 * Math.floor(bucket / bucketsPerGroup);
    sums[group] = (sums[group] as number) + (buckets[2 * bucket] as number);
    sums[group + 1] = (sums[group + 1] as number) + (buckets[2 * bucket + 1] as number);
  }
  return sums;
}

/** Places of pairs of words that differ. */
export function differing(ours: Uint32Array, theirs: ArrayLike<number>): number[] {
  const found: number[] = [];
  for (let pair = 0; 2 * pair < ours.length; pair++) {
    if (ours[2 * pair] !== theirs[2 * pair] || ours[2 * pair + 1] !== theirs[2 * pair + 1]) found.push(pair);
  }
  return found;
}

/** The words of the buckets of one group. */
export function wordsOf(buckets: Uint32Array, group: number): Uint32Array {
  return buckets.subarray(2 * group * bucketsPerGroup, 2 * (group + 1) * bucketsPerGroup);
}

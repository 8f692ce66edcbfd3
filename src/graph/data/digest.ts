import type { Field, Value } from './types.ts';

/** Souls fall into so many buckets, by `bucketOf`. */
export const digestBuckets = 1 << 16;

/**
 * 64 bits over soul, key, state and value, in two words. The digest of a set of fields is the sum of their hashes, word
 * by word modulo 2^32, so it does not depend on order and a field can be taken out again. It finds differences between
 * replicas that mean well; it is no proof against one that searches for collisions.
 */
export interface FieldHash {
  low: number;
  high: number;
}

const words = new Int32Array(2);
const double = new Float64Array(words.buffer);

/** Where the hash of each field of a soul begins; also says its bucket. */
export function soulHash(soul: string, into: FieldHash): void {
  let low = 0x2545f491;
  let high = 0x6c8e9cf5;
  for (let at = 0; at < soul.length; at++) {
    const unit = soul.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x9e3779b1);
    high = Math.imul(high ^ unit, 0x5f356495);
  }
  into.low = low ^ (high >>> 15);
  into.high = high ^ (low >>> 13);
}

export function bucketOf(soul: FieldHash): number {
  return Math.imul(soul.low ^ (soul.high >>> 16), 0x85ebca6b) >>> 16;
}

/** `soul` as `soulHash` left it; the result is in `into`. */
export function fieldHash(soul: FieldHash, field: Field, into: FieldHash): void {
  let low = soul.low;
  let high = soul.high;
  const { key, value } = field;
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x9e3779b1);
    high = Math.imul(high ^ unit, 0x5f356495);
  }
  // Adding zero turns -0, which JSON cannot carry to others, into 0.
  double[0] = field.state + 0;
  low = Math.imul(low ^ (words[0] as number), 0x85ebca77) ^ (high >>> 15);
  high = Math.imul(high ^ (words[1] as number), 0xc2b2ae3d) ^ (low >>> 13);
  const text = textOf(value);
  low = Math.imul(low ^ kindOf(value), 0x27d4eb2f);
  if (text === undefined) {
    double[0] = typeof value === 'number' ? value + 0 : 0;
    low = Math.imul(low ^ (words[0] as number), 0x85ebca77);
    high = Math.imul(high ^ (words[1] as number) ^ low, 0xc2b2ae3d);
  } else {
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      low = Math.imul(low ^ unit, 0x9e3779b1);
      high = Math.imul(high ^ unit, 0x5f356495);
    }
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  into.low = low >>> 0;
  into.high = high >>> 0;
}

function textOf(value: Value): string | undefined {
  return typeof value === 'string' ? value : typeof value === 'object' && value !== null ? value['#'] : undefined;
}

function kindOf(value: Value): number {
  if (value === null) return 1;
  if (value === false) return 2;
  if (value === true) return 3;
  if (typeof value === 'number') return 4;
  return typeof value === 'string' ? 5 : 6;
}

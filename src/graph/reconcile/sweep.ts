import { bucketOf, type FieldHash, fieldHash, soulHash } from '../data/digest.ts';
import type { GraphNode } from '../data/node.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../../std/std.ts';
import type { SoulSum } from './messages.ts';

/** Souls looked at before others get their turn. */
const soulsPerTurn = 500;

/** Souls in byte order of which the bucket is wanted (undefined: all), in lists of up to `size`. */
export async function* sweepSouls(replica: Replica, clock: Clock, wanted: Uint8Array | undefined, size: number): AsyncGenerator<string[]> {
  const hash: FieldHash = { low: 0, high: 0 };
  let list: string[] = [];
  let looked = 0;
  for await (const soul of replica.souls()) {
    if (++looked % soulsPerTurn === 0) await clock.sleep(0);
    if (wanted) {
      soulHash(soul, hash);
      if (wanted[bucketOf(hash)] === 0) continue;
    }
    list.push(soul);
    if (list.length < size) continue;
    yield list;
    list = [];
  }
  if (list.length > 0) yield list;
}

/** The same with sums. Souls without a node, which were there a moment ago, fall out. */
export async function* sweepSums(replica: Replica, clock: Clock, wanted: Uint8Array, size: number): AsyncGenerator<SoulSum[]> {
  for await (const souls of sweepSouls(replica, clock, wanted, size)) {
    const nodes = await loadAll(replica, souls);
    const sums = nodes.filter((node) => node !== undefined).map(nodeSum);
    if (sums.length > 0) yield sums;
  }
}

/** Together, so that a store reads them in one go. */
export async function loadAll(replica: Replica, souls: readonly string[]): Promise<readonly (GraphNode | undefined)[]> {
  if (souls.every((soul) => replica.resident(soul))) return souls.map((soul) => replica.peek(soul));
  return Promise.all(souls.map((soul) => replica.load(soul)));
}

export function nodeSum(node: GraphNode): SoulSum {
  const soul: FieldHash = { low: 0, high: 0 };
  const hash: FieldHash = { low: 0, high: 0 };
  let low = 0;
  let high = 0;
  soulHash(node.soul, soul);
  for (const field of node.fields()) {
    fieldHash(soul, field, hash);
    low = (low + hash.low) >>> 0;
    high = (high + hash.high) >>> 0;
  }
  return { soul: node.soul, low, high };
}

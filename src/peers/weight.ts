/** How many shards a peer may be given, relative to others. */
const referenceBytes = 64 * 2 ** 30;
const unitBytes = 2 ** 30;
export const leastWeight = 0.25;
export const mostWeight = 4;

/** A peer with less room than two of the longest shards takes nothing new. */
export const leastFreeBytes = 8 * 2 ** 20 + 128 * 1024;

/**
 * 1.0 for 64 GiB free and health 0.5. The logarithm keeps one huge disk from drawing every object,
 * the cap keeps what a peer says about its own disk from mattering more than sixteenfold.
 * Steps of √2 keep a placement still while pings vary: a reader predicts holders from these weights.
 */
export function placementWeight(freeBytes: number, health: number | undefined): number {
  const room = Math.log2(1 + freeBytes / unitBytes) / Math.log2(1 + referenceBytes / unitBytes);
  const raw = room * (0.5 + (health ?? 0.5));
  const stepped = 2 ** (Math.round(Math.log2(Math.max(raw, leastWeight)) * 2) / 2);
  return Math.min(Math.max(stepped, leastWeight), mostWeight);
}

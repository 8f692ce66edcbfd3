import type { PeerId } from '../../src/ids/ids.ts';
import type { Random } from '../../src/std/std.ts';

const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** The shape of a PeerId, without a key behind it: in the simulation the network itself vouches for who speaks. */
export function simulatedPeerId(random: Random): PeerId {
  const letters = Array.from({ length: 44 }, () => base58[random.integer(base58.length)]);
  return `12D3KooW${letters.join('')}` as PeerId;
}

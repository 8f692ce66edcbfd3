import type { PeerId } from '../../src/ids/ids.ts';

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** A PeerId of the right shape; whether it is a key nobody checks here. */
export function peerNumber(number: number): PeerId {
  let text = '';
  for (let rest = number, at = 0; at < 44; at++, rest = Math.floor(rest / 58)) text = `${alphabet[rest % 58]}${text}`;
  return `12D3KooW${text}` as PeerId;
}

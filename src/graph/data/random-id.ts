import type { Random } from '../../std/std.ts';

/** As gun.js, so that ids look alike in captures. */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Of message and peer ids and made-up souls; GUN uses 9 characters for messages. Not for secrets. */
export function randomId(random: Random, length = 9): string {
  let id = '';
  for (let at = 0; at < length; at++) id += alphabet[random.integer(alphabet.length)];
  return id;
}

/** What gun.js adds to the language, as its suites use it. */
import { matches } from '../../../src/graph/data/lex.ts';
import { textHash } from '../../../src/graph/data/hash.ts';

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXZabcdefghijklmnopqrstuvwxyz';

export function random(length = 24, alphabet = letters) {
  let text = '';
  while (text.length < length) text += alphabet[Math.floor(Math.random() * alphabet.length)];
  return text;
}

export const match = matches;
export const hash = textHash;

export function plain(x) {
  return typeof x === 'object' && x !== null && Object.prototype.toString.call(x) === '[object Object]';
}

/** Has the object no keys, other than those that are named? */
export function empty(x, but) {
  return Object.keys(x ?? {}).every((key) => [but].flat().includes(key));
}

/** A way of gun.js to print while debugging. */
export const only = Object.assign((_, text) => text, { i: 0 });

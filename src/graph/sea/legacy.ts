/**
 * Signatures of SEA before 2019: over the text of the parsed message, an array joined by commas, often with the bytes of
 * the signature one a character. An object's text was `[object Object]` then, so that one signature fitted all objects: it is
 * taken for the sealed keys of an account alone, which their password proves.
 */
import { decodeBytes } from './bytes.ts';
import { asSigned, isSeaText, isWellFormed, parseSea, type Signed } from './format.ts';
import { isPub } from './keys.ts';
import { verifyText } from './ecdsa.ts';

/** 2019-01-01, SEA's own bound: until then values were signed without the place where they stand. */
const unboundEndsMs = 1_546_329_600_000;
/** 2020-01-01. Fields with later states are of the present form. */
const legacyEndsMs = 1_577_836_800_000;

export async function verifyLegacy(message: unknown, signature: string, pub: string): Promise<boolean> {
  const text = legacyText(parseSea(message));
  if (text === undefined) return false;
  for (const encoding of ['base64', 'utf8'] as const) {
    const bytes = decodeBytes(signature, encoding);
    if (bytes && (await verifyText(text, bytes, pub))) return true;
  }
  return false;
}

/** The value of a user's field in the old form, bound to its place and time: `[soul, key, value, state]`. */
export function legacyField(message: unknown, soul: string, key: string, state: number): unknown {
  if (!Array.isArray(message) || message.length !== 4 || state >= legacyEndsMs || soul.includes(',') || key.includes(',')) return undefined;
  const [ofSoul, ofKey, value, written] = message as [unknown, unknown, unknown, unknown];
  const bound = ofSoul === soul && ofKey === key && typeof written === 'number' && Math.floor(written) === Math.floor(state);
  return bound ? value : undefined;
}

/** The signed text of an account's own field that was signed without its place. */
export function readUnbound(value: unknown, soul: string, owner: string, key: string, state: number): Signed | undefined {
  if (soul !== `~${owner}` || state >= unboundEndsMs || !isSeaText(value)) return undefined;
  return isAccountKey(key) ? asSigned(parseSea(value)) : undefined;
}

/** Fields of a user's own node that make the account. */
export function isAccountKey(key: string): boolean {
  return key === 'alias' || key === 'epub' || key === 'auth';
}

/** Values without a place could be exchanged; each must at least be of its kind. */
export function fitsAccount(key: string, message: unknown): boolean {
  if (key === 'epub') return isPub(message);
  return key === 'auth' ? isSealedKeys(message) : typeof message === 'string' && !isPub(message);
}

function isSealedKeys(message: unknown): boolean {
  return typeof message === 'object' && message !== null && !Array.isArray(message) && Object.keys(message).sort().join() === 'ek,s';
}

function legacyText(message: unknown): string | undefined {
  if (typeof message === 'string') return isWellFormed(message) ? message : undefined;
  if (isSealedKeys(message)) return '[object Object]';
  const plain = Array.isArray(message) && message.every((item) => item === null || typeof item !== 'object');
  const text = plain ? message.join(',') : undefined;
  return text !== undefined && isWellFormed(text) ? text : undefined;
}

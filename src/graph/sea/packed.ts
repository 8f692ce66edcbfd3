/**
 * Fields of users' nodes: the value with its signature as one JSON text, `{":":value,"~":signature}`; written by somebody
 * else with a certificate, also `"+"` (the certificate) and `"*"` (who wrote it). The signature covers soul, key, value and state,
 * so that a field cannot be moved to another place or time.
 */
import type { Value } from '../data/types.ts';
import { isValue } from '../data/value.ts';
import { asSigned, isSeaText, maxTextChars, parseSea, type Signed } from './format.ts';
import { legacyField } from './legacy.ts';

export interface Packed {
  readonly value: Value;
  /** Base64. */
  readonly signature: string;
  readonly certificate: Signed | undefined;
  /** Public key of the writer, when it is not the owner. */
  readonly writer: string | undefined;
}

const cut = /[^\w-]/;

/**
 * The owner's key in a soul, as SEA reads it: what stands between the first `~` and the second character that no key has.
 * `~pub`, `~pub/path` and `name~pub` are a user's; `~@alias` is nobody's. Not checked to be a key.
 */
export function ownerOf(soul: string): string | undefined {
  const tilde = soul.indexOf('~');
  if (tilde < 0 || soul.startsWith('~@')) return undefined;
  const next = soul.indexOf('~', tilde + 1);
  const [x, y] = soul.slice(tilde + 1, next < 0 ? undefined : next).split(cut, 2);
  return y === undefined ? undefined : `${x}.${y}`;
}

/** What the signature of a field covers. The keys are in order already; SEA takes no other. */
export function fieldText(soul: string, key: string, value: Value, state: number): string {
  return JSON.stringify({ '#': soul, '.': key, ':': value, '>': state });
}

export function packedText({ value, signature, certificate, writer }: Packed): string {
  return JSON.stringify({ ...(writer === undefined ? {} : { '*': writer }), ...(certificate ? { '+': certificate } : {}), ':': value, '~': signature });
}

/**
 * No longer than what it says takes to write: nobody without the owner's key can blow up a signed field with spaces, escapes
 * or members that no signature covers, and so win over the shorter text on equal states.
 */
export function isTight(text: string, { value, signature, certificate, writer }: Packed, owner: string): boolean {
  const foreign = writer !== undefined && writer !== owner;
  return text.length <= packedText({ value, signature, certificate: foreign ? certificate : undefined, writer }).length;
}

export function readPacked(text: unknown): Packed | undefined {
  if (typeof text !== 'string' || !text.startsWith('{') || text.length > maxTextChars) return undefined;
  const json = parseSea(text) as Readonly<Record<string, unknown>> | string;
  if (typeof json === 'string') return undefined;
  const { ':': value, '~': signature, '+': certificate, '*': writer } = json;
  if (!isValue(value) || typeof signature !== 'string') return undefined;
  return { value, signature, certificate: asSigned(certificate), writer: typeof writer === 'string' && writer !== '' ? writer : undefined };
}

/** The field in SEA's form before 2019, its signature not checked. */
export function readLegacy(text: unknown, soul: string, key: string, state: number): { readonly value: Value; readonly signed: Signed } | undefined {
  const signed = isSeaText(text) ? asSigned(parseSea(text)) : undefined;
  const value = signed && legacyField(signed.m, soul, key, state);
  return signed && isValue(value) ? { value, signed } : undefined;
}

/** What a reader sees: of a user's field the value without its signature (which the guard checked when it came), of others what is stored. */
export function plainValue(soul: string, key: string, value: Value, state = 0): Value {
  if (typeof value !== 'string' || ownerOf(soul) === undefined) return value;
  const packed = readPacked(value);
  if (packed) return packed.value;
  const legacy = readLegacy(value, soul, key, state);
  return legacy ? legacy.value : value;
}

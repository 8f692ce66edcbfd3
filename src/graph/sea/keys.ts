import { PangeaError } from '../../errors/errors.ts';
import { base64url } from './bytes.ts';

/** SEA's key pair: coordinates and scalars of P-256 as base64url, the public ones as `x.y`. */
export interface Pair {
  /** Verifies. */
  readonly pub: string;
  /** Signs. */
  readonly priv: string;
  /** Others agree on a secret with it. */
  readonly epub: string;
  /** Encrypts and decrypts. */
  readonly epriv: string;
}

/** Whoever can be named by a public key. */
export type Named = string | { readonly pub: string };

/** The name that Web Crypto's keys have in every environment's types. */
export type WebKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const publicKey = /^[\w-]{43}\.[\w-]{43}$/;
const privateKey = /^[\w-]{43}$/;
/** 32 bytes take 43 characters, 64 bytes of two coordinates 87. */
const publicChars = 87;
/** Imported keys that are kept; an import costs about a third of a verification. */
const keptKeys = 4_096;

const imported = new Map<string, Promise<WebKey>>();

export function isPub(text: unknown): text is string {
  return typeof text === 'string' && text.length === publicChars && publicKey.test(text);
}

export function isPair(pair: unknown): pair is Pair {
  if (typeof pair !== 'object' || pair === null) return false;
  const { pub, priv, epub, epriv } = pair as Partial<Pair>;
  return isPub(pub) && isPub(epub) && isScalar(priv) && isScalar(epriv);
}

export function isScalar(text: unknown): text is string {
  return typeof text === 'string' && privateKey.test(text);
}

export async function generatePair(): Promise<Pair> {
  const [sign, agree] = await Promise.all([
    crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']),
    crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits']),
  ]);
  const [mine, shared] = await Promise.all([exported(sign.privateKey), exported(agree.privateKey)]);
  return { pub: mine.pub, priv: mine.d, epub: shared.pub, epriv: shared.d };
}

/** Kept for the next time. Rejects when the coordinates are not a point of the curve. */
export function verifyingKey(pub: string): Promise<WebKey> {
  const known = imported.get(pub);
  if (known) return known;
  const key = importKey(pub, undefined, 'ECDSA', ['verify']);
  if (imported.size >= keptKeys) imported.delete(imported.keys().next().value as string);
  imported.set(pub, key);
  key.catch(() => imported.delete(pub));
  return key;
}

export function signingKey(pair: Pick<Pair, 'pub' | 'priv'>): Promise<WebKey> {
  return importKey(pair.pub, pair.priv, 'ECDSA', ['sign']);
}

export function agreementKey(epub: string, epriv?: string): Promise<WebKey> {
  return importKey(epub, epriv, 'ECDH', epriv === undefined ? [] : ['deriveBits']);
}

async function importKey(pub: string, d: string | undefined, name: 'ECDSA' | 'ECDH', usages: ('sign' | 'verify' | 'deriveBits')[]): Promise<WebKey> {
  if (!isPub(pub) || (d !== undefined && !isScalar(d))) throw new PangeaError('NO_KEY', 'this is not a key of SEA');
  const [x, y] = pub.split('.') as [string, string];
  const jwk = { kty: 'EC', crv: 'P-256', x, y, ext: true, ...(d === undefined ? {} : { d }) };
  try {
    return await crypto.subtle.importKey('jwk', jwk, { name, namedCurve: 'P-256' }, false, usages);
  } catch (cause) {
    throw new PangeaError('NO_KEY', 'this key is not a point of P-256', { cause });
  }
}

async function exported(key: WebKey): Promise<{ pub: string; d: string }> {
  const { x, y, d } = await crypto.subtle.exportKey('jwk', key);
  if (x === undefined || y === undefined || d === undefined) throw new PangeaError('INTERNAL', 'Web Crypto gave a key without coordinates');
  return { pub: `${x}.${y}`, d };
}

/** From the operating system; of a length that Web Crypto gives in one call. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** 64 characters as gun.js salts a password with; any text serves. */
export function randomText(chars: number): string {
  return base64url(randomBytes(chars)).slice(0, chars);
}

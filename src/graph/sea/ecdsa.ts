import { sha256 } from '@noble/hashes/sha2.js';
import { PangeaError } from '../../errors/errors.ts';
import { type Bytes, utf8Bytes } from './bytes.ts';
import { isWellFormed, maxTextChars } from './format.ts';
import { verifyingKey, type WebKey } from './keys.ts';

const ecdsa = { name: 'ECDSA', hash: 'SHA-256' } as const;
/** r and s of P-256. */
const signatureBytes = 64;
/** Longer texts are hashed by Web Crypto, off this thread; shorter ones in JavaScript, since changing threads takes 60 µs and they take 2. */
const hashedHereBytes = 16 * 1024;

/** ECDSA over the digest of the text, which it hashes once more. Fails with TOO_LARGE, with USAGE for half a surrogate pair. */
export async function signText(text: string, key: WebKey): Promise<Bytes> {
  if (text.length > maxTextChars) throw new PangeaError('TOO_LARGE', `more than ${maxTextChars} characters are not signed`);
  if (!isWellFormed(text)) throw new PangeaError('USAGE', 'half a surrogate pair cannot be signed');
  return new Uint8Array(await crypto.subtle.sign(ecdsa, key, await digest(text)));
}

/** False for every signature that does not fit, whatever is wrong with it or with the key. */
export async function verifyText(text: string, signature: Bytes, pub: string): Promise<boolean> {
  return signature.length === signatureBytes && verifyDigest(await digest(text), signature, pub);
}

export async function verifyDigest(hashed: Bytes, signature: Bytes, pub: string): Promise<boolean> {
  if (signature.length !== signatureBytes) return false;
  try {
    return await crypto.subtle.verify(ecdsa, await verifyingKey(pub), signature, hashed);
  } catch {
    return false;
  }
}

/** SHA-256 of the text, at once unless it is long. */
export function digest(text: string): Bytes | Promise<Bytes> {
  const bytes = utf8Bytes(text);
  if (bytes.length <= hashedHereBytes) return sha256(bytes) as Bytes;
  return crypto.subtle.digest('SHA-256', bytes).then((hash) => new Uint8Array(hash));
}

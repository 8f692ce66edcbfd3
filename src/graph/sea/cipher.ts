import { PangeaError } from '../../errors/errors.ts';
import { base64url, type Bytes, decodeBytes, encodeBytes, type Encoding, latin1, utf8Bytes, utf8Text } from './bytes.ts';
import { jsonText, maxTextChars, parseSea } from './format.ts';
import { agreementKey, type Pair, randomBytes, type WebKey } from './keys.ts';
import { digest } from './ecdsa.ts';

/** AES-256-GCM with the tag after the ciphertext, as `SEA{"ct":…,"iv":…,"s":…}` carries it. */
export interface Sealed {
  readonly ct: string;
  readonly iv: string;
  readonly s: string;
}

/** SEA's lengths; those of its early versions (16 and 8) are read as well. */
const saltBytes = 9;
const ivBytes = 15;
const maxSaltBytes = 64;

export type CipherKey = string | Pick<Pair, 'epriv'>;

/** Fails with NO_KEY without a key, with USAGE for data that JSON cannot hold. The key is hashed, not stretched: give it a key, or `work` first. */
export async function encrypt(data: unknown, key: CipherKey, encoding?: Encoding): Promise<Sealed> {
  const text = typeof data === 'string' ? data : jsonText(data);
  const salt = randomBytes(saltBytes);
  const iv = randomBytes(ivBytes);
  const aes = await aesKey(key, salt);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, aes, utf8Bytes(text));
  return { ct: encodeBytes(new Uint8Array(sealed), encoding), iv: encodeBytes(iv, encoding), s: encodeBytes(salt, encoding) };
}

/** Fails with CORRUPT when it is nothing that SEA encrypted, with WRONG_KEY when it does not open; the type loss of SEA's strings applies. */
export async function decrypt(data: unknown, key: CipherKey, encoding?: Encoding): Promise<unknown> {
  if (typeof data === 'string' && data.length > maxTextChars) throw new PangeaError('TOO_LARGE', `more than ${maxTextChars} characters are not decrypted`);
  const json = parseSea(data);
  let sealed = false;
  for (const form of encoding === undefined || encoding === 'base64' ? (['base64', 'utf8'] as const) : [encoding]) {
    const parts = decodeSealed(json, form);
    if (!parts) continue;
    sealed = true;
    const plain = await opened(parts, key);
    if (plain) return parseSea(utf8Text(plain));
  }
  throw sealed ? new PangeaError('WRONG_KEY', 'Could not decrypt') : new PangeaError('CORRUPT', 'this was not encrypted by SEA');
}

/** The secret that two people share: each has it from the other's public and the own private key. Fails with NO_KEY. */
export async function secret(theirs: string | Pick<Pair, 'epub'>, mine: Pick<Pair, 'epub' | 'epriv'>): Promise<string> {
  const [their, own] = await Promise.all([
    agreementKey(typeof theirs === 'string' ? theirs : theirs.epub),
    agreementKey(mine.epub, mine.epriv),
  ]);
  return base64url(new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: their }, own, 256)));
}

interface SealedBytes {
  readonly ct: Bytes;
  readonly iv: Bytes;
  readonly salt: Bytes;
}

function decodeSealed(json: unknown, encoding: Encoding): SealedBytes | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const parts = json as Readonly<Record<string, unknown>>;
  const [ct, iv, salt] = [decodeBytes(parts.ct, encoding), decodeBytes(parts.iv, encoding), decodeBytes(parts.s, encoding)];
  if (!ct || !iv || !salt || iv.length === 0 || iv.length > maxSaltBytes || salt.length > maxSaltBytes) return undefined;
  return { ct, iv, salt };
}

async function opened({ ct, iv, salt }: SealedBytes, key: CipherKey): Promise<Uint8Array | undefined> {
  const aes = await aesKey(key, salt);
  try {
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, tagLength: 128 }, aes, ct));
  } catch {
    return undefined;
  }
}

async function aesKey(key: CipherKey, salt: Uint8Array): Promise<WebKey> {
  const text = typeof key === 'string' ? key : key.epriv;
  if (typeof text !== 'string' || text === '') throw new PangeaError('NO_KEY', 'No encryption key.');
  return crypto.subtle.importKey('raw', await digest(text + latin1(salt)), 'AES-GCM', false, ['encrypt', 'decrypt']);
}

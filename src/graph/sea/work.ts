import { PangeaError } from '../../errors/errors.ts';
import { encodeBytes, type Encoding, latin1, utf8Bytes } from './bytes.ts';
import { jsonText } from './format.ts';
import { randomBytes } from './keys.ts';

export interface WorkOptions {
  /** `PBKDF2` (default), or a digest: `SHA-256`, `SHA-1`, `SHA-384`, `SHA-512`. */
  readonly name?: string;
  readonly iterations?: number;
  /** Digest under PBKDF2. */
  readonly hash?: string | { readonly name: string };
  readonly salt?: string | Uint8Array;
  /** Bits. */
  readonly length?: number;
  readonly encode?: Encoding;
}

/** SEA's: about 20 ms of one core. */
const defaultIterations = 100_000;
const defaultBits = 512;
const saltBytes = 9;
/** The salt comes with the account of whoever wrote it; the numbers come from the program. */
const maxIterations = 10_000_000;
const maxBits = 8_192;

/**
 * Stretches a password (PBKDF2), or hashes when the name says so. Without a salt there is a random one, so that the result
 * is good for nothing but comparing speeds; SEA does the same. Fails with USAGE on numbers out of bounds or an unknown digest.
 */
export async function work(data: unknown, salt?: string | Uint8Array | undefined, options: WorkOptions = {}): Promise<string> {
  const bytes = utf8Bytes(typeof data === 'string' ? data : jsonText(data));
  const name = options.name ?? 'PBKDF2';
  try {
    const result = /^sha/i.test(name) ? await crypto.subtle.digest(name, bytes) : await stretch(bytes, options.salt ?? salt ?? randomBytes(saltBytes), options);
    return encodeBytes(new Uint8Array(result), options.encode);
  } catch (cause) {
    if (cause instanceof PangeaError) throw cause;
    throw new PangeaError('USAGE', `no such work: ${name}`, { cause });
  }
}

async function stretch(secret: Uint8Array<ArrayBuffer>, salt: string | Uint8Array, options: WorkOptions): Promise<ArrayBuffer> {
  const iterations = options.iterations ?? defaultIterations;
  const bits = options.length ?? defaultBits;
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > maxIterations) throw new PangeaError('USAGE', `iterations are 1 to ${maxIterations}`);
  if (!Number.isInteger(bits) || bits < 8 || bits > maxBits || bits % 8 !== 0) throw new PangeaError('USAGE', `the length is 8 to ${maxBits} bits`);
  const key = await crypto.subtle.importKey('raw', secret, options.name ?? 'PBKDF2', false, ['deriveBits']);
  const salted = utf8Bytes(typeof salt === 'string' ? salt : latin1(salt));
  return crypto.subtle.deriveBits({ name: options.name ?? 'PBKDF2', iterations, salt: salted, hash: options.hash ?? 'SHA-256' }, key, bits);
}

/**
 * `SEA` with GUN's call forms: everything takes a callback and gives a promise, failures give undefined and stand in `err`,
 * or are thrown when `throw` is set. Programs of our own call the functions behind it, which fail with a reason.
 */
import { PangeaError } from '../../errors/errors.ts';
import { encodeBytes, type Encoding } from './bytes.ts';
import { certify, type CertifyOptions, type Policy } from './certificate.ts';
import { type CipherKey, decrypt, encrypt, secret } from './cipher.ts';
import { parseSea } from './format.ts';
import { generatePair, type Named, type Pair, randomBytes } from './keys.ts';
import { type GunOptions, gunOptions } from './gun-options.ts';
import { seaText, sign, unverified, verify } from './sign.ts';
import { work, type WorkOptions } from './work.ts';

export type Callback<T> = ((result: T | undefined) => void) | null | undefined;

interface CallOptions {
  /** The object instead of its text. */
  readonly raw?: unknown;
  readonly encode?: Encoding;
  /** Why a key is needed, for the hook `I`. */
  readonly why?: unknown;
}

/** What `I`, a hook that programs may set, is asked for when a call came without a key. */
export interface KeyRequest {
  readonly what: unknown;
  readonly how: 'sign' | 'encrypt' | 'decrypt' | 'secret';
  readonly why: unknown;
}

export interface Sea {
  err: unknown;
  /** Failures are thrown instead of answered with undefined. */
  throw: boolean;
  I: ((nothing: null, request: KeyRequest) => Promise<Pair | string>) | undefined;
  readonly opt: GunOptions;
  pair(cb?: Callback<Pair>): Promise<Pair | undefined>;
  /** `check`: what to look at for a signature that is there already, when it is not the data. */
  sign(data: unknown, pair?: Pick<Pair, 'pub' | 'priv'> | null, cb?: Callback<unknown>, opt?: CallOptions & { readonly check?: unknown }): Promise<unknown>;
  verify(data: unknown, pair: Named | false, cb?: Callback<unknown>, opt?: CallOptions): Promise<unknown>;
  encrypt(data: unknown, pair?: CipherKey | null, cb?: Callback<unknown>, opt?: CallOptions): Promise<unknown>;
  decrypt(data: unknown, pair?: CipherKey | null, cb?: Callback<unknown>, opt?: CallOptions): Promise<unknown>;
  secret(theirs: string | Pick<Pair, 'epub'>, pair?: Pick<Pair, 'epub' | 'epriv'> | null, cb?: Callback<string>, opt?: CallOptions): Promise<string | undefined>;
  work(data: unknown, salt?: string | Uint8Array | { readonly epub: string } | Callback<string>, cb?: Callback<string>, opt?: WorkOptions): Promise<string | undefined>;
  certify(certificants: Named | readonly Named[], policy: Parameters<typeof certify>[1] | Policy, authority: Pick<Pair, 'pub' | 'priv'>, cb?: Callback<unknown>, opt?: CertifyOptions & CallOptions): Promise<unknown>;
  name(cb?: Callback<undefined>): Promise<undefined>;
  random(length: number): RandomBytes;
}

/** Bytes that print as GUN's do: text of one character a byte unless an encoding is named. */
export class RandomBytes extends Uint8Array<ArrayBuffer> {
  override toString(encoding: Encoding = 'utf8'): string {
    return encodeBytes(this, encoding);
  }
}

export function createSea(): Sea {
  const answer = async <T>(cb: Callback<T>, run: () => Promise<T>): Promise<T | undefined> => {
    let result: T | undefined;
    try {
      result = await run();
    } catch (error) {
      sea.err = error;
      if (sea.throw) throw error;
    }
    cb?.(result);
    return result;
  };
  const keyFor = async <K>(key: K | null | undefined, request: KeyRequest): Promise<K> => (key || !sea.I ? key : await sea.I(null, request)) as K;

  const sea: Sea = {
    err: undefined,
    throw: false,
    I: undefined,
    opt: gunOptions,
    pair: (cb) => answer(cb, generatePair),
    sign: (data, pair, cb, opt = {}) =>
      answer(cb, async () => {
        const key = await keyFor(pair, { what: data, how: 'sign', why: opt.why });
        const own = opt.check === undefined ? undefined : parseSea(opt.check);
        const known = own !== undefined && key && (await verify(own, key.pub, opt)) !== undefined;
        const signed = known ? own : await sign(data, required(key, 'No signing key.'), opt);
        return opt.raw ? signed : seaText(signed);
      }),
    verify: (data, pair, cb, opt = {}) => {
      // Without a check the callback runs at once, as programs expect that unpack.
      if (pair !== false) return answer(cb, () => verify(data, pair, opt));
      const message = unverified(data);
      cb?.(message);
      return Promise.resolve(message);
    },
    encrypt: (data, pair, cb, opt = {}) =>
      answer(cb, async () => {
        const sealed = await encrypt(data, required(await keyFor(pair, { what: data, how: 'encrypt', why: opt.why }), 'No encryption key.'), opt.encode);
        return opt.raw ? sealed : `SEA${JSON.stringify(sealed)}`;
      }),
    decrypt: (data, pair, cb, opt = {}) =>
      answer(cb, async () => decrypt(data, required(await keyFor(pair, { what: data, how: 'decrypt', why: opt.why }), 'No decryption key.'), opt.encode)),
    secret: (theirs, pair, cb, opt = {}) =>
      answer(cb, async () => secret(theirs, required(await keyFor(pair, { what: theirs, how: 'secret', why: opt.why }), 'No secret mix.'))),
    work: (data, salt, cb, opt) => {
      const done = typeof salt === 'function' ? salt : cb;
      return answer(done, () => work(data, saltOf(salt), opt));
    },
    certify: (certificants, policy, authority, cb, opt = {}) =>
      answer(cb, async () => {
        const signed = await certify(certificants, policy, authority, opt);
        return opt.raw ? signed : seaText(signed);
      }),
    name: (cb) => answer(cb, () => Promise.resolve(undefined)),
    random: (length) => new RandomBytes(randomBytes(length).buffer),
  };
  return sea;
}

function required<K>(key: K | null | undefined, reason: string): K {
  if (key === null || key === undefined || key === '') throw new PangeaError('NO_KEY', reason);
  return key;
}

function saltOf(salt: string | Uint8Array | { readonly epub: string } | Callback<string>): string | Uint8Array | undefined {
  if (typeof salt === 'function' || salt === null || salt === undefined) return undefined;
  return typeof salt === 'string' || salt instanceof Uint8Array ? salt : salt.epub;
}

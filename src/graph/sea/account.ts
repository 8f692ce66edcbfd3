/** What a user's node says of its owner, and the private half that a password opens. */
import type { GraphNode } from '../data/node.ts';
import type { Value } from '../data/types.ts';
import { latin1 } from './bytes.ts';
import { decrypt, encrypt } from './cipher.ts';
import { isSeaText, parseSea } from './format.ts';
import { isPub, isScalar, type Pair, randomText } from './keys.ts';
import { ownerOf, readPacked } from './packed.ts';
import { verify } from './sign.ts';
import { work } from './work.ts';

export interface Account {
  readonly pub: string;
  readonly epub: string;
  readonly alias: string | undefined;
  /** Sealed private keys: `{ek, s}` as text or, in old accounts, as an object. */
  readonly auth: unknown;
}

const saltChars = 64;

/** Undefined when the node is no account. Signatures of today's form were checked when the fields came; those before 2019 are here. */
export async function readAccount(node: GraphNode | undefined): Promise<Account | undefined> {
  const pub = node && ownerOf(node.soul);
  if (!node || !isPub(pub) || node.soul !== `~${pub}`) return undefined;
  const [epub, alias, auth] = await Promise.all((['epub', 'alias', 'auth'] as const).map((key) => checked(node.value(key), pub)));
  if (!isPub(epub)) return undefined;
  return { pub, epub, alias: typeof alias === 'string' ? alias : undefined, auth };
}

/** The value of `auth`: the private keys, encrypted with what the password was stretched to. */
export async function sealAccount(pair: Pair, password: unknown): Promise<string> {
  const salt = randomText(saltChars);
  const ek = await encrypt({ priv: pair.priv, epriv: pair.epriv }, await work(password, salt));
  return JSON.stringify({ ek, s: salt });
}

/** Undefined when the password does not open it. */
export async function openAccount(account: Account, password: string): Promise<Pair | undefined> {
  const sealed = parseSea(account.auth);
  if (typeof sealed !== 'object' || sealed === null) return undefined;
  const { ek, s: salt } = sealed as { readonly ek?: unknown; readonly s?: unknown };
  if (typeof salt !== 'string') return undefined;
  const proof = await work(password, salt);
  // Accounts before 2019 took the bytes of the proof one a character.
  for (const key of [proof, latin1(Uint8Array.from(atob(proof), (char) => char.charCodeAt(0)))]) {
    const pair = pairOf(account, await decrypt(ek, key).catch(() => undefined));
    if (pair) return pair;
  }
  return undefined;
}

function pairOf({ pub, epub }: Account, keys: unknown): Pair | undefined {
  if (typeof keys !== 'object' || keys === null) return undefined;
  const { priv, epriv } = keys as Partial<Pair>;
  return isScalar(priv) && isScalar(epriv) ? { pub, priv, epub, epriv } : undefined;
}

async function checked(value: Value | undefined, pub: string): Promise<unknown> {
  const packed = readPacked(value);
  if (packed) return packed.value;
  if (!isSeaText(value)) return undefined;
  const message = await verify(value, pub);
  return Array.isArray(message) && message.length === 4 ? (message[2] as unknown) : message;
}

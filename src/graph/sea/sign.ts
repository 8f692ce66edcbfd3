import { decodeBytes, encodeBytes, type Encoding } from './bytes.ts';
import { signText, verifyText } from './ecdsa.ts';
import { asSigned, isWellFormed, jsonText, maxTextChars, parseSea, type Signed, sortedText } from './format.ts';
import { isPub, type Named, type Pair, signingKey } from './keys.ts';
import { verifyLegacy } from './legacy.ts';

export interface SignOptions {
  readonly encode?: Encoding;
}

/**
 * Signs data as SEA does: the digest of its JSON (of the text itself for a string that is no JSON), and of that digest
 * once more by ECDSA. Data that this pair has signed already comes back as it is. Fails with NO_KEY, USAGE or TOO_LARGE.
 */
export async function sign(data: unknown, pair: Pick<Pair, 'pub' | 'priv'>, options: SignOptions = {}): Promise<Signed> {
  const message = parseSea(data);
  const already = asSigned(message);
  if (already && (await verified(already, pair.pub, options.encode)) !== undefined) return already;
  const json: unknown = typeof message === 'string' ? message : JSON.parse(jsonText(message));
  return { m: json, s: encodeBytes(await signText(signingText(json), await signingKey(pair)), options.encode) };
}

/** A signed message as text: `SEA{"m":…,"s":"…"}`. */
export function seaText(value: unknown): string {
  return `SEA${sortedText(value)}`;
}

/**
 * What was signed, undefined when this key did not sign it. Both orders of keys are tried: as they came and sorted.
 * Never fails, whatever the data; `null` is a message like others.
 */
export async function verify(data: unknown, by: Named, options: SignOptions = {}): Promise<unknown> {
  const pub = typeof by === 'string' ? by : by.pub;
  const signed = asSigned(parseSea(data));
  if (!signed || !isPub(pub)) return undefined;
  return verified(signed, pub, options.encode);
}

/** The message of a signed text without any check. */
export function unverified(data: unknown): unknown {
  const json = parseSea(data);
  return typeof json === 'object' && json !== null ? parseSea((json as { m?: unknown }).m) : undefined;
}

function signingText(message: unknown): string {
  return typeof message === 'string' ? message : sortedText(message);
}

async function verified({ m, s }: Signed, pub: string, encoding: Encoding | undefined): Promise<unknown> {
  const signature = decodeBytes(s, encoding);
  if (signature) for (const text of signedTexts(m)) if (await verifyText(text, signature, pub)) return parseSea(m);
  return (await verifyLegacy(m, s, pub)) ? parseSea(m) : undefined;
}

/** The texts over which a message may have been signed, the likelier first. */
export function signedTexts(message: unknown): string[] {
  if (typeof message === 'string') return message.length > maxTextChars || !isWellFormed(message) ? [] : [message];
  try {
    const sorted = sortedText(message);
    const native = jsonText(message);
    return native === sorted ? [sorted] : [native, sorted];
  } catch {
    return [];
  }
}

/**
 * SEA's way of writing things down: `SEA` before a JSON object, and strings that lose their type when they look like JSON
 * (`"123"` comes back as a number). That loss is part of the format; fields of users' nodes do not suffer it (`packed.ts`).
 */
import { PangeaError } from '../../errors/errors.ts';

/** Longer texts are neither parsed nor verified nor opened. */
export const maxTextChars = 32 * 1024 * 1024;
/** Of what is signed; deeper data is refused, so that no text makes this process run out of stack. */
const maxDepth = 200;

export interface Signed {
  readonly m: unknown;
  readonly s: string;
}

export function isSeaText(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('SEA{');
}

/** Halves of surrogate pairs all become U+FFFD on the way to a digest: texts that hold them have the digest of others. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** What a SEA text or JSON holds; everything else as it came. */
export function parseSea(value: unknown): unknown {
  if (typeof value !== 'string' || value.length > maxTextChars) return value;
  try {
    return JSON.parse(isSeaText(value) ? value.slice(3) : value);
  } catch {
    return value;
  }
}

export function asSigned(value: unknown): Signed | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { m, s } = value as { m?: unknown; s?: unknown };
  return m !== undefined && typeof s === 'string' ? { m, s } : undefined;
}

/** The JSON text of data that JSON can hold. Fails with USAGE otherwise. */
export function jsonText(data: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (cause) {
    throw new PangeaError('USAGE', 'this data cannot be written as JSON', { cause });
  }
  if (text === undefined) throw new PangeaError('USAGE', '`undefined` not allowed.');
  return text;
}

/**
 * JSON with the keys of every object in UTF-16 order. Peers that read with a sorting parser compute signatures over this
 * order, all others over the order in which the keys arrive: sent in this order, a signature holds for both.
 */
export function sortedText(json: unknown, depth = 0): string {
  if (typeof json !== 'object' || json === null) return jsonText(json);
  if (depth >= maxDepth) throw new PangeaError('TOO_LARGE', `data is nested deeper than ${maxDepth} levels`);
  if (Array.isArray(json)) return `[${json.map((item) => sortedText(item, depth + 1)).join(',')}]`;
  const object = json as Readonly<Record<string, unknown>>;
  return `{${Object.keys(object).sort().map((key) => `${JSON.stringify(key)}:${sortedText(object[key], depth + 1)}`).join(',')}}`;
}

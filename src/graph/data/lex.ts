import { compareText } from './order.ts';
import type { Lex } from './types.ts';

/**
 * Does GUN's lex take this text? The rules are those of `String.match` in gun.js, whose edges programs have come to
 * rely on: `=` alone decides when given, then `*`; with `>`, all that begins with its text is taken too, even
 * above `<`; both ends are inclusive; a lex without conditions takes nothing. Unlike gun.js an empty prefix takes all, and an empty `>` does not undo `<`.
 */
export function matches(text: string, lex: string | Lex): boolean {
  if (typeof lex === 'string') return text === lex;
  const { '=': exact, '*': prefix, '>': from, '<': to } = lex;
  if (exact !== undefined) return text === exact;
  if (prefix !== undefined) return text.startsWith(prefix);
  if (from !== undefined) return (from !== '' && text.startsWith(from)) || (text >= from && (to === undefined || text <= to));
  return to !== undefined && text <= to;
}

/**
 * One unbroken range in byte order that holds what a lex asks of a store: `from <= text`, and `text <= to` or
 * `text` begins with `prefix`; open at the end when neither is given. A lex without conditions asks for everything.
 */
export interface LexBounds {
  readonly from: string;
  readonly to: string | undefined;
  readonly prefix: string | undefined;
  readonly reverse: boolean;
  /** The answer ends when keys and values exceed so many bytes; one field is always given. Infinity when not asked for. */
  readonly bytes: number;
}

export function lexBounds(lex: string | Lex): LexBounds {
  if (typeof lex === 'string') return { from: lex, to: lex, prefix: undefined, reverse: false, bytes: Number.POSITIVE_INFINITY };
  const { '=': exact, '*': prefix, '>': from, '<': to, '%': bytes } = lex;
  const order = { reverse: lex['-'] === 1 || lex['-'] === true, bytes: bytes !== undefined && bytes > 0 ? bytes : Number.POSITIVE_INFINITY };
  if (exact !== undefined) return { from: exact, to: exact, prefix: undefined, ...order };
  if (prefix !== undefined) return { from: prefix, to: undefined, prefix: prefix === '' ? undefined : prefix, ...order };
  return { from: from ?? '', to, prefix: to === undefined || from === undefined || from === '' ? undefined : from, ...order };
}

export function withinBounds(text: string, bounds: LexBounds): boolean {
  if (compareText(text, bounds.from) < 0) return false;
  if (bounds.to === undefined && bounds.prefix === undefined) return true;
  if (bounds.to !== undefined && compareText(text, bounds.to) <= 0) return true;
  return bounds.prefix !== undefined && text.startsWith(bounds.prefix);
}

/**
 * Texts as key bytes whose order is that of `order.ts`: UTF-8, and for lone surrogates the three bytes that UTF-8 would give
 * their code points (WTF-8), so that any soul and key that JavaScript can hold comes back as it was.
 */
import { isUtf8 } from 'node:buffer';
import { PangeaError } from '../../errors/errors.ts';

export function encodeText(text: string): Buffer {
  return text.isWellFormed() ? Buffer.from(text) : Buffer.from(generalized(text));
}

/** Fails with STORE_CORRUPT. */
export function decodeText(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString() : decodeGeneralized(bytes);
}

/** The first bytes behind every key that begins with `prefix`, or none when there are no such. */
export function behind(prefix: Uint8Array): Buffer | undefined {
  const last = prefix.findLastIndex((byte) => byte < 0xff);
  if (last < 0) return undefined;
  const end = Buffer.from(prefix.subarray(0, last + 1));
  end[last] = (end[last] as number) + 1;
  return end;
}

function generalized(text: string): number[] {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    if (point >= 0xd800 && point <= 0xdfff) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    else bytes.push(...Buffer.from(character));
  }
  return bytes;
}

function decodeGeneralized(bytes: Buffer): string {
  let text = '';
  let from = 0;
  for (let at = 0; at + 2 < bytes.length; at++) {
    // In UTF-8 the byte 0xED is never followed by one above 0x9F: that is where surrogates would lie.
    const second = bytes[at + 1] as number;
    if (bytes[at] !== 0xed || second < 0xa0) continue;
    text += plainText(bytes.subarray(from, at)) + String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | ((bytes[at + 2] as number) & 0x3f));
    from = at + 3;
    at += 2;
  }
  return text + plainText(bytes.subarray(from));
}

function plainText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new PangeaError('STORE_CORRUPT', 'a key of the graph store is no text');
  return bytes.toString();
}

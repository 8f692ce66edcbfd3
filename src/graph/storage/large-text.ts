/** Texts as bytes and back, any text: one byte says how, since lone surrogates have no UTF-8. */
import { PangeaError } from '../../errors/errors.ts';
import { fromUtf8, utf8 } from '../../std/std.ts';

const forms = { utf8: 0, utf16: 1 } as const;
/** `String.fromCharCode` takes its units as arguments, of which there may not be too many. */
const unitsAtOnce = 8_192;

export function textToBytes(text: string): Uint8Array {
  if (text.isWellFormed()) return framed(forms.utf8, utf8(text));
  const bytes = new Uint8Array(text.length * 2);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    bytes[at * 2] = unit & 0xff;
    bytes[at * 2 + 1] = unit >> 8;
  }
  return framed(forms.utf16, bytes);
}

/** Fails with CORRUPT. */
export function bytesToText(bytes: Uint8Array): string {
  const content = bytes.subarray(1);
  if (bytes[0] === forms.utf16 && content.length % 2 === 0) return utf16(content);
  try {
    if (bytes[0] === forms.utf8) return fromUtf8(content);
  } catch {
    // Falls through to the error below.
  }
  throw new PangeaError('CORRUPT', 'a large value is no text');
}

function utf16(bytes: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bytes.length; from += unitsAtOnce * 2) {
    const units: number[] = [];
    for (let at = from; at < Math.min(from + unitsAtOnce * 2, bytes.length); at += 2) units.push((bytes[at] as number) | ((bytes[at + 1] as number) << 8));
    text += String.fromCharCode(...units);
  }
  return text;
}

function framed(form: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + content.length);
  bytes[0] = form;
  bytes.set(content, 1);
  return bytes;
}

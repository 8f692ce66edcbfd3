/** Bytes as SEA writes them into JSON: base64 with padding, hexadecimal, or one character a byte. */
export type Encoding = 'base64' | 'hex' | 'utf8';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');
/** `String.fromCharCode` takes its arguments on the stack. */
const charsAtOnce = 8_192;

/** Bytes that belong to nobody else and are no shared memory, as Web Crypto wants them. */
export type Bytes = Uint8Array<ArrayBuffer>;

export function utf8Bytes(text: string): Bytes {
  return encoder.encode(text);
}

/** Malformed sequences become U+FFFD, as in SEA. */
export function utf8Text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** One character for each byte; what SEA calls utf8 in its options. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += charsAtOnce) text += String.fromCharCode(...bytes.subarray(at, at + charsAtOnce));
  return text;
}

export function fromLatin1(text: string): Bytes {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

export function encodeBytes(bytes: Uint8Array, encoding: Encoding = 'base64'): string {
  if (encoding === 'base64') return btoa(latin1(bytes));
  if (encoding === 'utf8') return latin1(bytes);
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/** Undefined when the text is not in this encoding. White space in base64 is let pass, as `atob` does. */
export function decodeBytes(text: unknown, encoding: Encoding = 'base64'): Bytes | undefined {
  if (typeof text !== 'string') return undefined;
  if (encoding === 'utf8') return fromLatin1(text);
  if (encoding === 'base64') {
    try {
      return fromLatin1(atob(text));
    } catch {
      return undefined;
    }
  }
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16));
}

export function base64url(bytes: Uint8Array): string {
  return encodeBytes(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

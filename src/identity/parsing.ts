import { ByteReader } from '../std/std.ts';
import { PangeaError, type ErrorCode } from '../errors/errors.ts';

/**
 * Runs a parser over bytes from outside. Whatever is wrong with them, the caller sees one code:
 * ByteReader's RangeError and a decoder's TypeError never pass.
 */
export function parseBytes<T>(code: ErrorCode, what: string, bytes: Uint8Array, read: (from: ByteReader) => T): T {
  const reader = new ByteReader(bytes);
  try {
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof PangeaError) throw error;
    if (error instanceof RangeError || error instanceof TypeError) {
      throw new PangeaError(code, `${what}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** Four letters and a version; another version is refused by its number, never guessed. */
export function expectHeader(from: ByteReader, magic: string, version: number): void {
  const found = String.fromCharCode(...from.bytes(4));
  if (found !== magic) throw new RangeError('starts with other bytes');
  const foundVersion = from.u8();
  if (foundVersion !== version) throw new RangeError(`version ${foundVersion} is not known here`);
}

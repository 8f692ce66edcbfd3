/** The frame of every stored format here: four magic bytes, a version, critical flags. What is unknown is refused by name. */
import { PangeaError, type ErrorCode } from '../../errors/errors.ts';
import { ByteReader, ByteWriter, equalBytes, utf8 } from '../../std/std.ts';

const version = 1;

export interface Format {
  /** For messages, e.g. `the layout header`. */
  readonly name: string;
  readonly magic: string;
  readonly maxBytes: number;
  readonly code: ErrorCode;
}

export function beginFramed(format: Format, capacity: number): ByteWriter {
  return new ByteWriter(capacity).bytes(utf8(format.magic)).u16(version).u16(0);
}

/** Runs `parse` behind the frame, to the last byte. Whatever it throws becomes the format's own error. */
export function parseFramed<T>(format: Format, bytes: Uint8Array, parse: (reader: ByteReader) => T): T {
  try {
    if (bytes.length > format.maxBytes) throw new RangeError(`${bytes.length} bytes`);
    const reader = new ByteReader(bytes);
    if (!equalBytes(reader.bytes(4), utf8(format.magic))) throw new RangeError('other magic bytes');
    const found = reader.u16();
    if (found !== version) throw new RangeError(`version ${found} is not known here`);
    const flags = reader.u16();
    if (flags !== 0) throw new RangeError(`flags ${flags} are not known here`);
    const parsed = parse(reader);
    reader.end();
    return parsed;
  } catch (error) {
    throw new PangeaError(format.code, `${format.name} is not valid: ${(error as Error).message}`, { cause: error });
  }
}

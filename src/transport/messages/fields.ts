/** Fields that several messages share. Readers throw RangeError or TypeError, which `messages.ts` turns into `PROTOCOL`. */
import { PangeaError } from '../../errors/errors.ts';
import { type ByteReader, type ByteWriter, fromUtf8, utf8 } from '../../std/std.ts';
import { durabilityCode } from '../transport.ts';

export type Durability = keyof typeof durabilityCode;

const idBytes = 32;

/** A 32-byte identifier. */
export function writeId(writer: ByteWriter, id: Uint8Array): void {
  if (id.length !== idBytes) throw new PangeaError('INTERNAL', `an identifier has ${idBytes} bytes, not ${id.length}`);
  writer.bytes(id);
}

/** A copy: the struct that it is read from may lie in memory that is reused. */
export function readId(reader: ByteReader): Uint8Array {
  return new Uint8Array(reader.bytes(idBytes));
}

export function writeDurability(writer: ByteWriter, durability: Durability): void {
  writer.u8(durabilityCode[durability]);
}

export function readDurability(reader: ByteReader): Durability {
  const code = reader.u8();
  if (code === durabilityCode.memory) return 'memory';
  if (code === durabilityCode.fsync) return 'fsync';
  throw new RangeError(`durability ${code} is unknown`);
}

/** Bits above `known` are refused by name, so that a later meaning is never silently dropped. */
export function readFlags(reader: ByteReader, known: number): number {
  const flags = reader.u8();
  if ((flags & ~known) !== 0) throw new RangeError(`flags ${flags} are unknown`);
  return flags;
}

/** UTF-8 behind its length in a u16. */
export function writeText(writer: ByteWriter, text: string, maxBytes: number): void {
  const bytes = utf8(text);
  if (bytes.length > maxBytes) throw new PangeaError('INTERNAL', `a text of ${bytes.length} bytes in a field of ${maxBytes}`);
  writer.u16(bytes.length).bytes(bytes);
}

export function readText(reader: ByteReader, maxBytes: number): string {
  const length = reader.u16();
  if (length > maxBytes) throw new RangeError(`a text of ${length} bytes in a field of ${maxBytes}`);
  return fromUtf8(reader.bytes(length));
}

/** A list behind its length in a u32. `entryBytes` is the least that one entry takes, so a lying count ends at once. */
export function writeList<T>(writer: ByteWriter, entries: ArrayLike<T>, max: number, write: (entry: T) => void): void {
  if (entries.length > max) throw new PangeaError('INTERNAL', `a list of ${entries.length} entries, at most ${max} fit`);
  writer.u32(entries.length);
  for (let i = 0; i < entries.length; i++) write(entries[i] as T);
}

export function readList<T>(reader: ByteReader, max: number, entryBytes: number, read: () => T): T[] {
  const count = reader.u32();
  if (count > max) throw new RangeError(`a list of ${count} entries, at most ${max} are taken`);
  if (count * entryBytes > reader.remaining) throw new RangeError('a list ends too early');
  return Array.from({ length: count }, read);
}

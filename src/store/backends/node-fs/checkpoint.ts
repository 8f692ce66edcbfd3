/** The index on disk, so that a large store opens without reading its volumes. What is damaged is ignored and the volumes are scanned. */
import { ByteReader, ByteWriter, equalBytes, utf8 } from '../../../std/std.ts';
import type { RecordKind } from '../../store.ts';
import { crc32c } from './crc32c.ts';
import { maxPayloadBytes } from './record.ts';
import type { Entry, ShardIndex } from './shard-index.ts';

export const checkpointFile = 'index.pc';
const magic = utf8('PGIX');
const version = 1;
const headerBytes = 48;
const volumeBytes = 16;
const entryBytes = 96;
/** Entries written before other events get their turn: about 3 ms. */
const turnEntries = 4096;

export interface Checkpoint {
  readonly nextSequence: number;
  /** Number of each volume, and up to where its records are among the entries. */
  readonly volumes: ReadonlyMap<number, number>;
  readonly entries: readonly Entry[];
}

/** Bytes of an index that is wholly on disk. The index must not change until the promise settles. */
export async function encodeCheckpoint(set: Uint8Array, nextSequence: number, index: ShardIndex): Promise<Uint8Array> {
  const size = headerBytes + index.volumes.size * volumeBytes + index.entryCount * entryBytes + 4;
  const out = new ByteWriter(size);
  out.bytes(magic).u8(version).u8(0).u16(0).bytes(set).u64(nextSequence).u64(index.volumes.size).u64(index.entryCount);
  for (const [number, tally] of index.volumes) out.u32(number).u32(0).u64(tally.totalBytes);
  let written = 0;
  let sum = crc32c(out.finish());
  let summed = out.finish().length;
  for (const { key, identity, sequence, offset, volume, length, removal } of index.entries()) {
    out.bytes(key.object).bytes(identity).u64(sequence).u64(offset).u32(volume).u32(length);
    out.u32(key.stripe).u16(key.row).u8(key.kind).u8(removal ? 1 : 0);
    if (++written % turnEntries !== 0) continue;
    sum = crc32c(out.finish().subarray(summed), sum);
    summed = out.finish().length;
    await new Promise(setImmediate);
  }
  return out.u32(crc32c(out.finish().subarray(summed), sum)).finish();
}

/** Reads a checkpoint, or nothing when a single bit of it is wrong. */
export function decodeCheckpoint(bytes: Uint8Array, set: Uint8Array): Checkpoint | undefined {
  try {
    const reader = new ByteReader(bytes.subarray(0, -4));
    if (crc32c(bytes.subarray(0, -4)) !== new ByteReader(bytes.subarray(-4)).u32()) return undefined;
    if (!equalBytes(reader.bytes(4), magic) || reader.u32() !== version || !equalBytes(reader.bytes(16), set)) return undefined;
    const nextSequence = reader.u64();
    const volumeCount = reader.u64();
    const entryCount = reader.u64();
    if (reader.remaining !== volumeCount * volumeBytes + entryCount * entryBytes) return undefined;
    const volumes = new Map<number, number>();
    for (let i = 0; i < volumeCount; i++) {
      const number = reader.u32();
      reader.u32();
      volumes.set(number, reader.u64());
    }
    const entries = Array.from({ length: entryCount }, () => readEntry(reader));
    return { nextSequence, volumes, entries };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readEntry(reader: ByteReader): Entry {
  const object = new Uint8Array(reader.bytes(32));
  const identity = new Uint8Array(reader.bytes(32));
  const [sequence, offset, volume, length] = [reader.u64(), reader.u64(), reader.u32(), reader.u32()];
  const [stripe, row, kind, removal] = [reader.u32(), reader.u16(), reader.u8() as RecordKind, reader.u8()];
  if (removal > 1 || length > maxPayloadBytes) throw new RangeError('an entry that no store writes');
  return { key: { object, kind, stripe, row }, sequence, identity, length, removal: removal === 1, volume, offset };
}

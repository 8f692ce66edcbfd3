/** The bytes of a volume, as in `schema/volume.md`. The addon has the same in `native/shardstore/src/format.rs`. */
import type { RecordKey, RecordKind } from '../../store.ts';
import { crc32c } from './crc32c.ts';

export const volumeHeaderBytes = 64;
export const recordHeaderBytes = 96;
/** Largest payload of one record, so that a damaged length costs no memory. */
export const maxPayloadBytes = 64 * 1024 * 1024;
export const alignment = 8;

export const recordMagic = Buffer.from('PGRC');
const volumeMagic = Buffer.from('PGVL');
const version = 1;
const flagRemoval = 1;
const kindShard = 0;
/** The code of every shard today, 8 + 4; a hint for recovery from volumes alone. */
const shardCode = 8 | (4 << 8);

export interface RecordHeader {
  readonly key: RecordKey;
  /** The higher one of two records with one key is the newer, wherever compaction has put them. */
  readonly sequence: number;
  /** Zero in a removal. */
  readonly identity: Uint8Array;
  /** Bytes of the payload; zero in a removal. */
  readonly length: number;
  readonly removal: boolean;
}

/**
 * Where a header stands. Part of its checksum, so that bytes inside a payload, which strangers choose,
 * can never be taken for a record: they cannot know the volume set's random id.
 */
export interface Place {
  /** 16 random bytes. */
  readonly set: Uint8Array;
  readonly volume: number;
}

/** Bytes on disk of a record with a payload of `length` bytes. */
export function recordBytes(length: number): number {
  return recordHeaderBytes + Math.ceil(length / alignment) * alignment;
}

export function encodeVolumeHeader(place: Place): Buffer {
  const out = Buffer.alloc(volumeHeaderBytes);
  out.set(volumeMagic);
  out[4] = version;
  out.set(place.set, 8);
  out.writeUInt32LE(place.volume, 24);
  out.writeUInt32LE(checksum(place, 0, out.subarray(0, 60)), 60);
  return out;
}

/** The place that an intact volume header names. */
export function decodeVolumeHeader(bytes: Buffer): Place | undefined {
  const place = { set: new Uint8Array(bytes.subarray(8, 24)), volume: bytes.readUInt32LE(24) };
  const intact = bytes.subarray(0, 4).equals(volumeMagic) && checksum(place, 0, bytes.subarray(0, 60)) === bytes.readUInt32LE(60);
  return intact ? place : undefined;
}

export function encodeRecordHeader(place: Place, offset: number, header: RecordHeader): Buffer {
  const out = Buffer.alloc(recordHeaderBytes);
  out.set(recordMagic);
  out[4] = version;
  out[5] = header.key.kind;
  out.writeUInt16LE(header.key.row, 6);
  out.writeUInt32LE(header.key.stripe, 8);
  out.writeUInt32LE(header.length, 12);
  out.set(header.key.object, 16);
  out.set(header.identity, 48);
  if (header.key.kind === kindShard) out.writeUInt16LE(shardCode, 80);
  out.writeUInt16LE(header.removal ? flagRemoval : 0, 82);
  out.writeBigUInt64LE(BigInt(header.sequence), 84);
  out.writeUInt32LE(checksum(place, offset, out.subarray(0, 92)), 92);
  return out;
}

/** The record's header at an offset of this volume; `unsupported` is an intact one of a newer version. */
export function decodeRecordHeader(place: Place, offset: number, bytes: Buffer): RecordHeader | 'damaged' | 'unsupported' {
  if (bytes.compare(recordMagic, 0, 4, 0, 4) !== 0) return 'damaged';
  if (checksum(place, offset, bytes.subarray(0, 92)) !== bytes.readUInt32LE(92)) return 'damaged';
  const flags = bytes.readUInt16LE(82);
  if (bytes[4] !== version || (flags & ~flagRemoval) !== 0) return 'unsupported';
  const length = bytes.readUInt32LE(12);
  const sequence = Number(bytes.readBigUInt64LE(84));
  const removal = (flags & flagRemoval) !== 0;
  if (length > maxPayloadBytes || (removal && length > 0) || !Number.isSafeInteger(sequence)) return 'damaged';
  return {
    key: {
      object: new Uint8Array(bytes.subarray(16, 48)),
      kind: (bytes[5] ?? 0) as RecordKind,
      stripe: bytes.readUInt32LE(8),
      row: bytes.readUInt16LE(6),
    },
    sequence,
    identity: new Uint8Array(bytes.subarray(48, 80)),
    length,
    removal,
  };
}

function checksum(place: Place, offset: number, bytes: Uint8Array): number {
  const context = Buffer.alloc(28);
  context.set(place.set);
  context.writeUInt32LE(place.volume, 16);
  context.writeBigUInt64LE(BigInt(offset), 20);
  return crc32c(bytes, crc32c(context));
}

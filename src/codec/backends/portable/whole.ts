/** The whole block: u32 length of the sealed bytes, the sealed bytes, zeros up to 8 equal slices (`schema/ces-block.md`). */
import { PangeaError } from '../../../errors/errors.ts';
import { dataShards, maxWholeBytes } from '../../format.ts';
import { sealOverheadBytes } from './seal.ts';

export const lengthPrefixBytes = 4;
/** Longest shard of a whole block: 64 MiB of plaintext, and what zstd may add to it at worst. */
export const maxWholeShardBytes = (maxWholeBytes + 1024 * 1024) / dataShards;

/** The 8 slices of a fresh block for `sealedBytes`, and the room in it where they are to be written. */
export function newWholeBlock(sealedBytes: number): { readonly sealed: Uint8Array; readonly slices: readonly Uint8Array[] } {
  const shardBytes = Math.ceil((lengthPrefixBytes + sealedBytes) / dataShards);
  const block = new Uint8Array(shardBytes * dataShards);
  new DataView(block.buffer).setUint32(0, sealedBytes, true);
  return {
    sealed: block.subarray(lengthPrefixBytes, lengthPrefixBytes + sealedBytes),
    slices: Array.from({ length: dataShards }, (_, i) => block.subarray(i * shardBytes, (i + 1) * shardBytes)),
  };
}

/** The sealed bytes in 8 slices put together in fresh memory; `CORRUPT` unless the length and the padding are what an encoder writes. */
export function sealedInWhole(slices: readonly Uint8Array[]): Uint8Array {
  const block = Buffer.concat(slices);
  const sealedBytes = block.length >= lengthPrefixBytes ? block.readUInt32LE(0) : 0;
  const used = lengthPrefixBytes + sealedBytes;
  const fits = sealedBytes >= sealOverheadBytes && Math.ceil(used / dataShards) * dataShards === block.length;
  if (!fits || block.subarray(used).some((byte) => byte !== 0)) {
    throw new PangeaError('CORRUPT', 'the shards do not make up one sealed block');
  }
  return block.subarray(lengthPrefixBytes, used);
}

/** Plaintexts, losses, blocks and bombs for the tests of the codecs, made without the codecs where that proves more. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { bodyFrom, type Body } from '../../src/body/body.ts';
import { type Codec, type Compression, type EncodedShards, type SegmentContext, dataShards, identityBytes, totalShards } from '../../src/codec/codec.ts';
import type { ErrorCode } from '../../src/errors/errors.ts';
import { ByteWriter, concatBytes, equalBytes, fromHex, seededRandom } from '../../src/std/std.ts';

export const key = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
export const salt = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
export const automatic: Compression = { kind: 'auto', minLevel: 1, maxLevel: 6 };
export const stripeContext = (segmentsInStripe: number): SegmentContext => ({ salt, stripe: 2 ** 33 + 5, segmentsInStripe });

export const anyCompression = fc.constantFrom<Compression>('store', 1, 3, 9, automatic);
export const anyLoss = fc.uniqueArray(fc.integer({ min: 0, max: totalShards - 1 }), { maxLength: 4 });
/** Sizes with weight on the edges of slices, blocks and pieces; content that compresses and that does not. */
export const anyPlaintext = (longest: number): fc.Arbitrary<Uint8Array> =>
  fc.tuple(fc.oneof(fc.constantFrom(0, 1, 7, 8, 9, 16_384, 65_535, 65_536, 65_537, 131_072, 131_073), fc.integer({ min: 0, max: longest })), fc.boolean(), fc.integer())
    .map(([length, compressible, seed]) => (compressible ? text(length) : seededRandom(seed).bytes(length)));

export function losses(): number[][] {
  const all: number[][] = [];
  for (let mask = 1; mask < 1 << totalShards; mask++) {
    const lost = Array.from({ length: totalShards }, (_, row) => row).filter((row) => ((mask >>> row) & 1) === 1);
    if (lost.length <= 4) all.push(lost);
  }
  assert.equal(all.length, 793);
  return all;
}

export const without = (shards: readonly (Body | null)[], lost: readonly number[]): (Body | null)[] =>
  shards.map((shard, row) => (lost.includes(row) ? null : shard));

export function damage(body: Body, at: number): Body {
  const bytes = Uint8Array.from(body.bytes());
  bytes[at] = (bytes[at] as number) ^ 1;
  return bodyFrom(bytes);
}

export function text(length: number): Uint8Array {
  const line = 'it was the best of times, it was the worst of times; ';
  const random = seededRandom(length);
  const words = Array.from({ length: 200 }, () => line.slice(random.integer(20), 20 + random.integer(30)));
  const out = Buffer.alloc(length);
  for (let at = 0; at < length;) at += out.write(words[random.integer(words.length)] as string, at) || 1;
  return new Uint8Array(out.buffer, out.byteOffset, length);
}

/** Unequal chunks, an empty one among them, at odd offsets. */
export function chunks(bytes: Uint8Array): Uint8Array[] {
  const third = Math.floor(bytes.length / 3);
  return [bytes.subarray(0, third), new Uint8Array(0), bytes.subarray(third, third * 2 + 1), bytes.subarray(third * 2 + 1)];
}

export function nearlyEqual(total: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((total * (i + 1)) / count) - Math.floor((total * i) / count));
}

export async function smallStripe(codec: Codec): Promise<{ shards: readonly Body[]; lengths: number[]; segmentLengths: number[]; context: SegmentContext }> {
  const segmentLengths = [3000, 2000, 1500, 1500, 1000, 1000, 700, 300];
  const context = stripeContext(8);
  const { shards } = await codec.encodeStripe({ plaintext: [seededRandom(1).bytes(11_000)], segmentLengths, key, context, compression: 'store' });
  return { shards, lengths: shards.map((shard) => shard.byteLength), segmentLengths, context };
}

export async function openAll(codec: Codec, encoded: EncodedShards, segmentLengths: readonly number[]): Promise<Uint8Array> {
  const context = stripeContext(segmentLengths.length);
  const opened = await Promise.all(segmentLengths.map((plaintextBytes, segment) =>
    codec.openSegment({ sealed: encoded.shards[segment] as Body, segment, plaintextBytes, key, context })));
  return concatBytes(...opened.map((body) => body.bytes()));
}

/** Identities are of the shards, and parity is what the other codec makes of the data. */
export async function checkEncoded(codec: Codec, { shards, identities }: EncodedShards): Promise<void> {
  assert.equal(shards.length, totalShards);
  assert.equal(identities.length, totalShards * identityBytes);
  const hashed = await Promise.all(shards.map((shard) => codec.identity(shard)));
  assert.ok(equalBytes(concatBytes(...hashed), identities));
  const parity = await withParity(codec, shards.slice(0, dataShards).map((shard) => shard.bytes()));
  for (const [row, bytes] of parity.entries()) assert.ok(equalBytes(bytes, (shards[row] as Body).bytes()), `row ${row}`);
}

export async function withParity(codec: Codec, data: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const longest = Math.max(...data.map((row) => row.length));
  const made = await codec.reconstruct({
    shards: [...data.map(bodyFrom), null, null, null, null],
    lengths: [...data.map((row) => row.length), longest, longest, longest, longest],
    rows: [8, 9, 10, 11],
  });
  return [...data, ...made.map((body) => Uint8Array.from(body.bytes()))];
}

/** A whole block as schema/ces-block.md has it, written down independently of the codecs. */
export function wholeBlock(sealed: Uint8Array): Uint8Array {
  const block = new Uint8Array(Math.ceil((4 + sealed.length) / 8) * 8);
  new DataView(block.buffer).setUint32(0, sealed.length, true);
  block.set(sealed, 4);
  return block;
}

export async function cut(codec: Codec, block: Uint8Array): Promise<Body[]> {
  const size = block.length / dataShards;
  return (await withParity(codec, Array.from({ length: dataShards }, (_, i) => block.subarray(i * size, (i + 1) * size)))).map(bodyFrom);
}

/** 2 GiB of zeros in 64 KiB: 16,384 run-length blocks. */
export function bomb(declared: boolean): Uint8Array {
  const blocks = 16_384;
  const frame = new ByteWriter(80_000).u32(0xfd2fb528);
  if (declared) frame.u8(0xc0).u8(0x38).u64(blocks * 131_072);
  else frame.u8(0x00).u8(0x38);
  for (let block = 1; block <= blocks; block++) {
    const header = (131_072 << 3) | (1 << 1) | (block === blocks ? 1 : 0);
    frame.u16(header & 0xffff).u8(header >>> 16).u8(0);
  }
  return frame.finish();
}

export function rejects(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  return assert.rejects(promise, { name: 'PangeaError', code });
}

export interface FormatVector {
  readonly keyOfFormat: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly whole: readonly { bytes: Uint8Array; identity: Uint8Array }[];
  readonly stripe: {
    readonly shards: readonly { bytes: Uint8Array; identity: Uint8Array }[];
    readonly segmentLengths: readonly number[];
    readonly context: SegmentContext;
  };
}

/** Bytes that every release must read; `about` in the file says how they were made. */
export function formatVector(): FormatVector {
  type Shards = { bytes: string; identity: string }[];
  const file = JSON.parse(readFileSync(new URL('../vectors/codec/format-1.json', import.meta.url), 'utf8')) as {
    key: string; plaintext: string; whole: Shards; stripe: { salt: string; stripe: number; segmentLengths: number[]; shards: Shards };
  };
  const parse = (shards: Shards): { bytes: Uint8Array; identity: Uint8Array }[] =>
    shards.map(({ bytes, identity }) => ({ bytes: fromHex(bytes), identity: fromHex(identity) }));
  const { salt: saltHex, stripe, segmentLengths, shards } = file.stripe;
  return {
    keyOfFormat: fromHex(file.key),
    plaintext: fromHex(file.plaintext),
    whole: parse(file.whole),
    stripe: { shards: parse(shards), segmentLengths, context: { salt: fromHex(saltHex), stripe, segmentsInStripe: segmentLengths.length } },
  };
}

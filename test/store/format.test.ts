/** The bytes of `schema/volume.md` in TypeScript: its vector, and hostile input for every parser of disk bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blake3 } from '@napi-rs/blake-hash';
import fc from 'fast-check';
import { PangeaError } from '../../src/errors/errors.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/store/backends/node-fs/checkpoint.ts';
import { crc32c } from '../../src/store/backends/node-fs/crc32c.ts';
import { decodeMarker, encodeMarker } from '../../src/store/backends/node-fs/home.ts';
import {
  type Place, decodeRecordHeader, decodeVolumeHeader, encodeRecordHeader, encodeVolumeHeader, recordBytes, recordMagic,
} from '../../src/store/backends/node-fs/record.ts';
import { type Scan, scanVolume } from '../../src/store/backends/node-fs/scan.ts';
import { ShardIndex } from '../../src/store/backends/node-fs/shard-index.ts';
import { volumeName, volumeNumber } from '../../src/store/backends/node-fs/volume.ts';
import type { RecordKind } from '../../src/store/store.ts';
import { keyOf } from './records.ts';

const place: Place = { set: new Uint8Array(16).fill(3), volume: 1 };
const options = { seed: 12, numRuns: 150 };

test('crc32c has the check value of its definition (RFC 3720, B.4)', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (bytes, cut) => {
    assert.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), crc32c(bytes));
  }), options);
});

test('the published vector of a record header', () => {
  const header = encodeRecordHeader({ set: Buffer.from('0123456789abcdef'), volume: 3 }, 64, {
    key: { object: new Uint8Array(32).fill(0x11), kind: 0, row: 5, stripe: 0x01020304 },
    sequence: 0x112233445566, identity: blake3(Buffer.from('pangea')), length: 6, removal: false,
  });
  assert.equal(header.readUInt32LE(92), 0x5f8b472f);
  assert.equal(header.subarray(0, 16).toString('hex'), '50475243010005000403020106000000');
});

test('a record header reads back at its place only, and any flipped bit is noticed', () => {
  const headers = fc.record({
    key: fc.record({
      object: fc.uint8Array({ minLength: 32, maxLength: 32 }), kind: fc.integer({ min: 0, max: 5 }).map((kind) => kind as RecordKind),
      stripe: fc.nat(0xffff_ffff), row: fc.nat(0xffff),
    }, { noNullPrototype: true }),
    sequence: fc.maxSafeNat(), identity: fc.uint8Array({ minLength: 32, maxLength: 32 }), length: fc.nat(1 << 26), removal: fc.constant(false),
  }, { noNullPrototype: true });
  fc.assert(fc.property(headers, fc.nat(2 ** 31).map((n) => n * 8), fc.nat(96 * 8 - 1), (header, offset, bit) => {
    const bytes = encodeRecordHeader(place, offset, header);
    assert.deepEqual(decodeRecordHeader(place, offset, bytes), header);
    assert.equal(decodeRecordHeader(place, offset + 8, bytes), 'damaged');
    assert.equal(decodeRecordHeader({ ...place, volume: 2 }, offset, bytes), 'damaged');
    assert.equal(decodeRecordHeader({ ...place, set: new Uint8Array(16) }, offset, bytes), 'damaged');
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.equal(decodeRecordHeader(place, offset, bytes), 'damaged');
  }), options);
});

test('volume headers and names read back', () => {
  assert.deepEqual(decodeVolumeHeader(encodeVolumeHeader(place)), place);
  assert.equal(volumeNumber(volumeName(7)), 7);
  for (const name of ['volume-0.pv', 'volume-00000000.pv', 'volume-000000001.pv', 'volume-99999999999.pv', 'index.pc']) {
    assert.equal(volumeNumber(name), undefined, name);
  }
});

const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 10 });

test('a scan keeps the whole records before a cut at any byte', async () => {
  await fc.assert(fc.asyncProperty(payloads, fc.double({ min: 0, max: 1, noNaN: true }), async (contents, share) => {
    const { bytes, starts } = makeVolume(contents);
    const cut = 64 + Math.floor((bytes.length - 64) * share);
    const ends = [...starts.slice(1), bytes.length].filter((end) => end <= cut);
    const { places, scan } = await scanned(bytes.subarray(0, cut));
    assert.deepEqual(places, starts.slice(0, ends.length));
    assert.deepEqual(scan, { end: ends.at(-1) ?? 64, damage: [] });
  }), options);
});

test('a scan loses one record to one flipped bit', async () => {
  await fc.assert(fc.asyncProperty(payloads, fc.nat(), async (contents, seed) => {
    const { bytes, starts } = makeVolume(contents);
    const bit = 64 * 8 + (seed % ((bytes.length - 64) * 8));
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    const hit = starts.findLastIndex((start) => start <= bit >> 3);
    const isPadding = bit >> 3 >= (starts[hit] as number) + 96 + (contents[hit] as Uint8Array).length;
    const { places } = await scanned(bytes);
    assert.deepEqual(places, starts.filter((_, index) => isPadding || index !== hit));
  }), options);
});

test('a scan takes nothing out of noise, nor out of the payload of a stranger', async () => {
  await fc.assert(fc.asyncProperty(payloads, fc.uint8Array({ maxLength: 2000 }), async (inner, noise) => {
    for (let at = 0; at + 4 <= noise.length; at += 200) noise.set(recordMagic, at);
    const stranger = makeVolume(inner, { ...place, set: new Uint8Array(16).fill(4) }).bytes;
    const { bytes, starts } = makeVolume([stranger, noise]);
    bytes[70] = (bytes[70] as number) ^ 1;
    const { places } = await scanned(bytes);
    assert.deepEqual(places, [starts[1]]);
    assert.deepEqual((await scanned(Buffer.concat([bytes.subarray(0, 64), noise]))).scan, { end: 64, damage: [] });
  }), options);
});

test('a checkpoint of many entries is written in turns and reads back', async () => {
  const index = new ShardIndex();
  for (let stripe = 0; stripe < 10_000; stripe++) {
    const key = keyOf(stripe);
    index.set(key, { key, sequence: stripe, identity: new Uint8Array(32), length: 8, removal: false, volume: 1, offset: 64 + stripe * 104 });
  }
  assert.deepEqual(decodeCheckpoint(await encodeCheckpoint(place.set, 10_000, index), place.set)?.entries, [...index.entries()]);
});

test('a checkpoint reads back or is ignored, and a marker reads back or is an error', async () => {
  const index = new ShardIndex();
  for (let i = 0; i < 5; i++) {
    index.set(keyOf(i), { key: keyOf(i), sequence: i, identity: new Uint8Array(32), length: i, removal: i === 3, volume: 1, offset: 64 });
  }
  const { set } = place;
  const checkpoint = await encodeCheckpoint(set, 99, index);
  const marker = encodeMarker(set, 'owner');
  assert.deepEqual(decodeCheckpoint(checkpoint, set)?.entries, [...index.entries()]);
  assert.deepEqual(decodeMarker(marker), { set, owner: 'owner' });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(), fc.nat(7), (noise, at, bit) => {
    assert.equal(decodeCheckpoint(noise, set), undefined);
    const counts = Buffer.concat([checkpoint.subarray(0, 32), noise]);
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(crc32c(counts));
    assert.doesNotThrow(() => decodeCheckpoint(Buffer.concat([counts, sum]), set));
    for (const whole of [checkpoint, marker]) {
      const flipped = Buffer.from(whole);
      flipped[at % whole.length] = (flipped[at % whole.length] as number) ^ (1 << bit);
      if (whole === checkpoint) assert.equal(decodeCheckpoint(flipped, set), undefined);
      else assert.throws(() => decodeMarker(flipped), PangeaError);
    }
    assert.throws(() => decodeMarker(noise), PangeaError);
  }), options);
});

function makeVolume(contents: readonly Uint8Array[], at = place): { bytes: Buffer; starts: number[] } {
  const parts: Buffer[] = [encodeVolumeHeader(at)];
  const starts: number[] = [];
  let end = 64;
  for (const [stripe, payload] of contents.entries()) {
    starts.push(end);
    const header = { key: keyOf(stripe), sequence: stripe, identity: blake3(payload), length: payload.length, removal: false };
    const block = Buffer.alloc(recordBytes(payload.length));
    block.set(encodeRecordHeader(at, end, header));
    block.set(payload, 96);
    parts.push(block);
    end += block.length;
  }
  return { bytes: Buffer.concat(parts), starts };
}

async function scanned(bytes: Buffer): Promise<{ places: number[]; scan: Scan }> {
  const places: number[] = [];
  const source = {
    read: async (offset: number, length: number): Promise<Buffer> => {
      assert.ok(offset + length <= bytes.length, 'the scanner stays inside the length it was given');
      return bytes.subarray(offset, offset + length);
    },
  };
  const scan = await scanVolume(source, place, 0, bytes.length, true, (at) => places.push(at));
  return { places, scan };
}

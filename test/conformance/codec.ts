/**
 * What every codec promises. `makeCodec` is called once; `peer` is another codec that has to
 * understand what this one makes, and the other way round (itself where there is no other).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { xxh64 } from '@node-rs/xxhash';
import fc from 'fast-check';
import { bodyFrom, type Body } from '../../src/body/body.ts';
import { type Codec, type Compression, type EncodedShards, dataShards, maxSegmentBytes, totalShards } from '../../src/codec/codec.ts';
import { ByteWriter, concatBytes, equalBytes, fromHex, seededRandom, toHex, utf8 } from '../../src/std/std.ts';
import {
  anyCompression, anyLoss, anyPlaintext, automatic, bomb, checkEncoded, chunks, cut, damage, formatVector, key, losses, nearlyEqual, openAll, rejects, salt,
  smallStripe, stripeContext, text, wholeBlock, without, withParity,
} from '../codec/material.ts';
import { dictionaryConformance } from './codec-dictionary.ts';

interface Variant {
  readonly codec: Codec;
  readonly peer: Codec;
}

export function codecConformance(name: string, makeVariant: () => Variant): void {
  describe(`codec ${name}`, { timeout: 180_000 }, () => {
    let codec: Codec;
    let peer: Codec;
    before(() => ({ codec, peer } = makeVariant()));
    // A batch of large buffers is left behind by the big cases; other suites should not inherit it.
    after(() => globalThis.gc?.());

    describe('Reed–Solomon', () => {
      test('parity has the golden value', async () => {
        const data = Array.from({ length: dataShards }, (_, row) => Uint8Array.from({ length: 32 }, (_, i) => row * 32 + i));
        const shards = await withParity(codec, data);
        const all = concatBytes(...shards.flatMap((shard, index) => [Uint8Array.of(index), shard]));
        assert.equal(xxh64(all, 0n), 0x03ba5e9b41bf07f0n);
      });

      test('parity of unequal rows equals that of the peer', async () => {
        const lengths = [70_001, 0, 65_536, 1, 65_535, 70_000, 31, 64];
        const data = lengths.map((length, row) => seededRandom(row).bytes(length));
        assert.deepEqual(await withParity(codec, data), await withParity(peer, data));
      });

      test('a row that is there is given back, and an impossible row refused', async () => {
        const { shards, lengths } = await smallStripe(codec);
        const [again] = await codec.reconstruct({ shards, lengths, rows: [3] });
        assert.deepEqual(again?.bytes(), shards[3]?.bytes());
        await rejects('INTERNAL', codec.reconstruct({ shards, lengths, rows: [12] }));
        await rejects('INTERNAL', codec.reconstruct({ shards, lengths, rows: [1, 1] }));
        await rejects('INTERNAL', codec.reconstruct({ shards: shards.slice(1), lengths, rows: [1] }));
      });

      test('lengths that contradict the shards or each other are CORRUPT, and absurd ones TOO_LARGE', async () => {
        const { shards, lengths } = await smallStripe(codec);
        const given = shards.map((shard, row) => (row === 0 ? null : shard));
        await rejects('CORRUPT', codec.reconstruct({ shards: given, lengths: lengths.with(5, 1), rows: [0] }));
        await rejects('CORRUPT', codec.reconstruct({ shards: given, lengths: lengths.with(0, Math.max(...lengths) + 1), rows: [0] }));
        await rejects('TOO_LARGE', codec.reconstruct({ shards: given, lengths: lengths.map(() => 2 ** 31), rows: [0] }));
      });
    });

    describe('sealing', () => {
      test('opens the vector of draft-irtf-cfrg-xchacha, A.3.1', () => {
        const vector = JSON.parse(readFileSync(new URL('../vectors/codec/xchacha20-poly1305-draft.json', import.meta.url), 'utf8')) as Record<string, string>;
        const hex = (field: string): Uint8Array => fromHex(vector[field] as string);
        const sealed = concatBytes(hex('nonce'), hex('ciphertext'), hex('tag'));
        assert.equal(toHex(codec.open(hex('key'), sealed, hex('associatedData'))), vector['plaintext']);
      });

      test('answers every Wycheproof vector right', () => {
        const file = JSON.parse(readFileSync(new URL('../vectors/codec/wycheproof-xchacha20-poly1305.json', import.meta.url), 'utf8')) as {
          tests: [id: number, key: string, nonce: string, associatedData: string, plaintext: string, ciphertext: string, tag: string, valid: boolean][];
        };
        let checked = 0;
        for (const [id, keyHex, nonce, associatedData, plaintext, ciphertext, tag, valid] of file.tests) {
          if (nonce.length !== 48) continue; // another nonce size cannot be written in this format
          const open = (): Uint8Array => codec.open(fromHex(keyHex), fromHex(nonce + ciphertext + tag), fromHex(associatedData));
          if (valid) assert.equal(toHex(open()), plaintext, `vector ${id}`);
          else assert.throws(open, { code: 'CORRUPT' }, `vector ${id}`);
          checked++;
        }
        assert.equal(checked, 306);
      });

      test('seals with a fresh nonce, and the peer opens it', () => {
        const plaintext = utf8('a manifest');
        const sealed = codec.seal(key, plaintext, utf8('bound'));
        assert.equal(sealed.length, plaintext.length + 40);
        assert.notDeepEqual(codec.seal(key, plaintext, utf8('bound')).subarray(0, 24), sealed.subarray(0, 24));
        assert.deepEqual(Uint8Array.from(peer.open(key, sealed, utf8('bound'))), plaintext);
        assert.throws(() => codec.open(key, sealed, utf8('other')), { code: 'CORRUPT' });
        assert.throws(() => codec.open(key.map((byte) => byte ^ 1), sealed, utf8('bound')), { code: 'CORRUPT' });
        assert.throws(() => codec.open(key, sealed.subarray(0, 39), utf8('bound')), { code: 'CORRUPT' });
        assert.throws(() => codec.seal(key.subarray(1), plaintext, utf8('')), { code: 'INTERNAL' });
      });
    });

    describe('hashing', () => {
      test('identities are BLAKE3 and derived keys its derive_key mode', async () => {
        assert.equal(toHex(await codec.identity(bodyFrom(new Uint8Array(0)))), 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262');
        assert.equal(toHex(await codec.identity(bodyFrom(utf8('abc')))), '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85');
        // From the test vectors of BLAKE3: one byte 0 under its published context.
        const context = 'BLAKE3 2019-12-27 16:29:52 test vectors context';
        assert.equal(toHex(codec.deriveKey(context, Uint8Array.of(0))), 'b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c');
        assert.deepEqual(Uint8Array.from(codec.deriveKey('pangea-node 1 test', key)), Uint8Array.from(peer.deriveKey('pangea-node 1 test', key)));
      });
    });

    describe('whole blocks', () => {
      test('any 8 of 12 are enough: all 793 losses of one to four', async () => {
        const plaintext = text(5000);
        const { shards } = await codec.encodeWhole({ plaintext: [plaintext], key, compression: 3 });
        for (const lost of losses()) {
          const body = await codec.decodeWhole({ shards: without(shards, lost), key, maxBytes: plaintext.length });
          assert.deepEqual(Uint8Array.from(body.bytes()), plaintext, `lost ${lost.join()}`);
        }
      });

      test('every size, cut and compression comes back, here and at the peer', async () => {
        await fc.assert(
          fc.asyncProperty(anyPlaintext(200_000), anyCompression, anyLoss, async (plaintext, compression, lost) => {
            for (const [encoder, decoder] of [[codec, codec], [codec, peer], [peer, codec]] as const) {
              const encoded = await encoder.encodeWhole({ plaintext: chunks(plaintext), key, compression });
              await checkEncoded(decoder, encoded);
              const body = await decoder.decodeWhole({ shards: without(encoded.shards, lost), key, maxBytes: plaintext.length });
              assert.ok(equalBytes(body.bytes(), plaintext));
            }
          }),
          { numRuns: 60, seed: 1 },
        );
      });

      for (const [kind, megabytes] of [['random', 40], ['text', 40], ['random', 8]] as const) {
        test(`${megabytes} MiB of ${kind} come back from the peer with four lost`, async () => {
          const plaintext = kind === 'text' ? text(megabytes << 20) : seededRandom(9).bytes(megabytes << 20);
          const encoded = await codec.encodeWhole({ plaintext: [plaintext], key, compression: automatic });
          if (kind === 'text') assert.ok(encoded.compressedBytes < plaintext.length / 2);
          else assert.ok(encoded.compressedBytes < plaintext.length + 2000);
          const body = await peer.decodeWhole({ shards: without(encoded.shards, [0, 3, 6, 7]), key, maxBytes: plaintext.length });
          assert.ok(equalBytes(body.bytes(), plaintext));
          for (const shard of [...encoded.shards, body]) shard.release();
        });
      }

      test('more than 64 MiB are TOO_LARGE', async () => {
        const chunk = new Uint8Array(32 << 20);
        await rejects('TOO_LARGE', codec.encodeWhole({ plaintext: [chunk, chunk, Uint8Array.of(1)], key, compression: 'store' }));
      });

      test('corrupt and swapped are CORRUPT, missing is NOT_ENOUGH_SHARDS', async () => {
        const plaintext = seededRandom(3).bytes(9999);
        const { shards } = await codec.encodeWhole({ plaintext: [plaintext], key, compression: 'store' });
        const decode = (given: readonly (Body | null)[], withKey = key, maxBytes = 9999): Promise<Body> =>
          codec.decodeWhole({ shards: given, key: withKey, maxBytes });
        for (let row = 0; row < dataShards; row++) {
          const damaged = shards.with(row, damage(shards[row] as Body, 17));
          await rejects('CORRUPT', decode(damaged));
          const healthy = await decode(without(damaged, [row]));
          assert.deepEqual(Uint8Array.from(healthy.bytes()), plaintext);
        }
        await rejects('CORRUPT', decode(shards.with(0, shards[1] as Body).with(1, shards[0] as Body)));
        await rejects('CORRUPT', decode(without(shards, [0]).with(8, shards[9] as Body)));
        await rejects('CORRUPT', decode(shards.with(11, bodyFrom(new Uint8Array(3)))));
        await rejects('CORRUPT', decode(shards, key.map((byte) => byte ^ 128)));
        await rejects('NOT_ENOUGH_SHARDS', decode(without(shards, [0, 2, 4, 6, 8])));
        await rejects('NOT_ENOUGH_SHARDS', decode(shards.map(() => null)));
        await rejects('TOO_LARGE', decode(shards, key, 9998));
        await rejects('CORRUPT', decode(shards.map(() => bodyFrom(new Uint8Array(0)))));
      });

      test('padding that is not zero is CORRUPT', async () => {
        const sealed = codec.seal(key, zstdCompressSync(text(40)), new Uint8Array(0));
        const block = wholeBlock(sealed);
        assert.ok(block.length > 4 + sealed.length, 'this length needs padding');
        block[block.length - 1] = 1;
        await rejects('CORRUPT', codec.decodeWhole({ shards: await cut(codec, block), key, maxBytes: 1000 }));
      });

      test('frames of other encoders decode: no size declared, checksums, any level', async () => {
        for (const plaintext of [text(300_000), seededRandom(4).bytes(300_000)]) {
          for (const level of [1, 12, 19]) {
            const params = {
              [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_checksumFlag]: 1,
            };
            const sealed = codec.seal(key, zstdCompressSync(plaintext, { params }), new Uint8Array(0));
            const shards = await cut(codec, wholeBlock(sealed));
            const body = await codec.decodeWhole({ shards, key, maxBytes: plaintext.length });
            assert.ok(equalBytes(body.bytes(), plaintext));
            await rejects('TOO_LARGE', codec.decodeWhole({ shards, key, maxBytes: plaintext.length - 1 }));
          }
        }
      });

      test('a bomb is TOO_LARGE whether it declares its size or not', async () => {
        for (const declared of [true, false]) {
          const sealed = codec.seal(key, bomb(declared), new Uint8Array(0));
          const shards = await cut(codec, wholeBlock(sealed));
          await rejects('TOO_LARGE', codec.decodeWhole({ shards, key, maxBytes: 1 << 20 }));
        }
      });

      test('a limit beyond all memory takes none of it', async () => {
        const params = { [constants.ZSTD_c_contentSizeFlag]: 0 };
        const plaintext = text(20_000);
        const shards = await cut(codec, wholeBlock(codec.seal(key, zstdCompressSync(plaintext, { params }), new Uint8Array(0))));
        for (const maxBytes of [2 ** 40, Number.MAX_SAFE_INTEGER]) {
          assert.ok(equalBytes((await codec.decodeWhole({ shards, key, maxBytes })).bytes(), plaintext));
        }
      });

      test('what is sealed but is not one frame is CORRUPT', async () => {
        const frame = zstdCompressSync(text(1000));
        const broken = frame.subarray(0, frame.length - 1);
        for (const content of [new Uint8Array(0), utf8('no frame'), broken, concatBytes(frame, frame), concatBytes(frame, Uint8Array.of(0))]) {
          const shards = await cut(codec, wholeBlock(codec.seal(key, content, new Uint8Array(0))));
          await rejects('CORRUPT', codec.decodeWhole({ shards, key, maxBytes: 10_000 }));
        }
      });

      test('arbitrary shards are refused with a documented error', async () => {
        await fc.assert(
          fc.asyncProperty(fc.integer({ min: 0, max: 60 }), fc.uint8Array({ minLength: 720, maxLength: 720 }), async (length, bytes) => {
            const shards = Array.from({ length: totalShards }, (_, row) => bodyFrom(bytes.subarray(row * length, (row + 1) * length)));
            await rejects('CORRUPT', codec.decodeWhole({ shards, key, maxBytes: 1 << 20 }));
          }),
          { numRuns: 200, seed: 2 },
        );
      });
    });

    describe('stripes', () => {
      test('every lost row is made again: all 793 losses of one to four', async () => {
        const plaintext = text(9000);
        const segmentLengths = [4000, 1, 0, 3000, 999, 1000];
        const context = stripeContext(segmentLengths.length);
        const { shards } = await codec.encodeStripe({ plaintext: [plaintext], segmentLengths, key, context, compression: 3 });
        const lengths = shards.map((shard) => shard.byteLength);
        assert.deepEqual(lengths.slice(6, 8), [0, 0], 'rows without a segment are empty');
        for (const lost of losses()) {
          const made = await codec.reconstruct({ shards: without(shards, lost), lengths, rows: lost });
          for (const [at, row] of lost.entries()) {
            assert.ok(equalBytes((made[at] as Body).bytes(), (shards[row] as Body).bytes()), `row ${row} of ${lost.join()}`);
          }
        }
        await rejects('NOT_ENOUGH_SHARDS', codec.reconstruct({ shards: without(shards, [0, 1, 2, 8, 9]), lengths, rows: [0] }));
      });

      test('every size, cut and compression comes back, here and at the peer', async () => {
        await fc.assert(
          fc.asyncProperty(anyPlaintext(300_000), fc.integer({ min: 1, max: 8 }), anyCompression, async (plaintext, count, compression) => {
            const segmentLengths = nearlyEqual(plaintext.length, count);
            for (const [encoder, decoder] of [[codec, codec], [codec, peer], [peer, codec]] as const) {
              const encoded = await encoder.encodeStripe({ plaintext: chunks(plaintext), segmentLengths, key, context: stripeContext(count), compression });
              await checkEncoded(decoder, encoded);
              assert.ok(equalBytes(await openAll(decoder, encoded, segmentLengths), plaintext));
            }
          }),
          { numRuns: 60, seed: 3 },
        );
      });

      test('8 segments of 4 MiB come back from the peer', async () => {
        const plaintext = seededRandom(8).bytes(8 * maxSegmentBytes);
        const segmentLengths = nearlyEqual(plaintext.length, 8);
        const encoded = await codec.encodeStripe({ plaintext: [plaintext], segmentLengths, key, context: stripeContext(8), compression: automatic });
        assert.ok(equalBytes(await openAll(peer, encoded, segmentLengths), plaintext));
      });

      test('a segment opens in its own place only', async () => {
        const { shards, segmentLengths, context } = await smallStripe(codec);
        const sealed = shards[0] as Body;
        const right = { sealed, segment: 0, plaintextBytes: segmentLengths[0] as number, key, context };
        await codec.openSegment(right);
        await rejects('CORRUPT', codec.openSegment({ ...right, segment: 1 }));
        await rejects('CORRUPT', codec.openSegment({ ...right, sealed: shards[1] as Body }));
        await rejects('CORRUPT', codec.openSegment({ ...right, plaintextBytes: right.plaintextBytes + 1 }));
        await rejects('CORRUPT', codec.openSegment({ ...right, key: key.map((byte) => byte ^ 4) }));
        await rejects('CORRUPT', codec.openSegment({ ...right, context: { ...context, stripe: context.stripe + 1 } }));
        await rejects('CORRUPT', codec.openSegment({ ...right, context: { ...context, segmentsInStripe: 7 } }));
        await rejects('CORRUPT', codec.openSegment({ ...right, context: { ...context, salt: salt.map((byte) => byte ^ 1) } }));
        await rejects('CORRUPT', codec.openSegment({ ...right, sealed: damage(sealed, sealed.byteLength - 1) }));
        await rejects('CORRUPT', codec.openSegment({ ...right, sealed: bodyFrom(new Uint8Array(20)) }));
        await rejects('INTERNAL', codec.openSegment({ ...right, segment: 8 }));
        await rejects('INTERNAL', codec.openSegment({ ...right, plaintextBytes: maxSegmentBytes + 1 }));
      });

      test('the associated data is that of schema/segment.md, and its content exactly the declared length', async () => {
        const context = stripeContext(3);
        const sealAs = (content: Uint8Array, plaintextBytes: number): Body =>
          bodyFrom(codec.seal(key, content, new ByteWriter()
            .bytes(utf8('pangea-node 1 segment')).bytes(salt).u64(context.stripe).u8(2).u8(3).u32(plaintextBytes).finish()));
        const open = (sealed: Body, plaintextBytes: number): Promise<Body> => codec.openSegment({ sealed, segment: 2, plaintextBytes, key, context });
        const frame = zstdCompressSync(text(1000));
        assert.deepEqual(Uint8Array.from((await open(sealAs(frame, 1000), 1000)).bytes()), text(1000));
        await rejects('CORRUPT', open(sealAs(frame, 999), 999));
        await rejects('CORRUPT', open(sealAs(frame, 1001), 1001));
        for (const declared of [true, false]) await rejects('CORRUPT', open(sealAs(bomb(declared), 1 << 20), 1 << 20));
      });

      test('requests that do not add up are INTERNAL', async () => {
        const encode = (segmentLengths: number[], count: number, compression: Compression = 3): Promise<EncodedShards> =>
          codec.encodeStripe({ plaintext: [text(100)], segmentLengths, key, context: stripeContext(count), compression });
        await rejects('INTERNAL', encode([50, 51], 2));
        await rejects('INTERNAL', encode([100], 2));
        await rejects('INTERNAL', encode([], 0));
        await rejects('INTERNAL', encode([20, 10, 10, 10, 10, 10, 10, 10, 10], 9));
        await rejects('INTERNAL', encode([100], 1, 0));
        await rejects('INTERNAL', encode([100], 1, 23));
        await rejects('INTERNAL', encode([100], 1, { kind: 'auto', minLevel: 0, maxLevel: 3 }));
      });
    });

    dictionaryConformance(() => ({ codec, peer }));

    test('the frozen format is read', async () => {
      const { whole, stripe, plaintext, keyOfFormat } = formatVector();
      for (const { bytes, identity } of [...whole, ...stripe.shards]) assert.deepEqual(Uint8Array.from(await codec.identity(bodyFrom(bytes))), identity);
      const shards = whole.map(({ bytes }) => bodyFrom(bytes));
      for (const lost of [[], [0, 1, 2, 3], [4, 5, 6, 7]]) {
        const body = await codec.decodeWhole({ shards: without(shards, lost), key: keyOfFormat, maxBytes: plaintext.length });
        assert.deepEqual(Uint8Array.from(body.bytes()), plaintext);
      }
      const opened = await Promise.all(stripe.segmentLengths.map(async (plaintextBytes, segment) =>
        codec.openSegment({ sealed: bodyFrom((stripe.shards[segment] as { bytes: Uint8Array }).bytes), segment, plaintextBytes, key: keyOfFormat, context: stripe.context })));
      assert.deepEqual(concatBytes(...opened.map((body) => body.bytes())), plaintext);
    });

    test('bodies may be released once the promise is returned', async () => {
      const { shards, lengths, segmentLengths, context } = await smallStripe(codec);
      const expected = Uint8Array.from((shards[2] as Body).bytes());
      const opening = codec.openSegment({ sealed: shards[0] as Body, segment: 0, plaintextBytes: segmentLengths[0] as number, key, context });
      const making = codec.reconstruct({ shards: without(shards, [2]), lengths, rows: [2] });
      for (const shard of shards) shard.release();
      await opening;
      assert.deepEqual(Uint8Array.from(((await making)[0] as Body).bytes()), expected);
      await rejects('BODY_RELEASED', codec.identity(shards[0] as Body));
    });

    test('many calls at once keep their results apart', async () => {
      await Promise.all(Array.from({ length: 24 }, async (_, seed) => {
        const plaintext = seededRandom(seed).bytes(100_000 + seed);
        const { shards } = await codec.encodeWhole({ plaintext: [plaintext], key, compression: seed % 2 === 0 ? 'store' : 1 });
        const body = await codec.decodeWhole({ shards: without(shards, [seed % 8]), key, maxBytes: plaintext.length });
        assert.ok(equalBytes(body.bytes(), plaintext));
      }));
    });
  });
}

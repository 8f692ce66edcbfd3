/** What every codec promises about dictionaries; part of the suite in `codec.ts`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Body } from '../../src/body/body.ts';
import { type Codec, type Compression, maxDictionaryBytes } from '../../src/codec/codec.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { ByteWriter, equalBytes, fromHex, seededRandom, utf8 } from '../../src/std/std.ts';
import { anyCompression, automatic, cut, key, nearlyEqual, rejects, stripeContext, text, wholeBlock } from '../codec/material.ts';

interface DictionaryVector {
  readonly id: number;
  readonly dictionary: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly frame: Uint8Array;
}

export function dictionaryVector(): DictionaryVector {
  const file = JSON.parse(readFileSync(new URL('../vectors/codec/dictionary-1.json', import.meta.url), 'utf8')) as {
    id: number; dictionary: string; plaintext: string; frame: string;
  };
  return { id: file.id, dictionary: new Uint8Array(Buffer.from(file.dictionary, 'base64')), plaintext: utf8(file.plaintext), frame: fromHex(file.frame) };
}

/** Small objects of one kind. */
export function smallRecords(count: number): Uint8Array[] {
  const random = seededRandom(11);
  return Array.from({ length: count }, () => {
    const user = random.integer(10_000);
    return utf8(JSON.stringify({
      user, name: `user ${random.integer(997)}`, mail: `u${user}@example.org`, city: ['Lisbon', 'Osaka', 'Quito', 'Oslo'][random.integer(4)],
      active: random.integer(2) === 1, score: random.integer(1000), tags: ['alpha', 'beta', 'gamma'].slice(random.integer(3)),
    }));
  });
}

export function dictionaryConformance(codecs: () => { readonly codec: Codec; readonly peer: Codec }): void {
  describe('dictionaries', () => {
    const { id, dictionary, plaintext, frame } = dictionaryVector();
    /** The same content with another number: the bytes behind the header decide, not what the header says. */
    const renumbered = dictionary.slice().fill(77, 4, 8);
    const other = Uint8Array.from(dictionary).fill(0x61, dictionary.length - 5);

    test('the frozen frame is read with its dictionary, and with no other', async () => {
      const { codec } = codecs();
      const shards = await cut(codec, wholeBlock(codec.seal(key, frame, new Uint8Array(0))));
      const decode = (given: Uint8Array | undefined): Promise<Body> => codec.decodeWhole({ shards, key, maxBytes: 1000, dictionary: given });
      assert.deepEqual(Uint8Array.from((await decode(dictionary)).bytes()), plaintext);
      assert.deepEqual(Uint8Array.from((await decode(renumbered)).bytes()), plaintext);
      await rejects('WRONG_DICTIONARY', decode(undefined));
      await rejects('WRONG_DICTIONARY', decode(other));
      await assert.rejects(decode(undefined), { message: new RegExp(`\\b${id}\\b`) });
    });

    test('small objects shrink to less than half, here and at the peer', async () => {
      const { codec, peer } = codecs();
      let [without, withIt] = [0, 0];
      for (const record of smallRecords(40)) {
        const request = { plaintext: [record], key, compression: 3 };
        without += (await codec.encodeWhole(request)).compressedBytes;
        const { shards, compressedBytes } = await codec.encodeWhole({ ...request, dictionary });
        withIt += compressedBytes;
        for (const decoder of [codec, peer]) {
          const body = await decoder.decodeWhole({ shards, key, maxBytes: record.length, dictionary });
          assert.ok(equalBytes(body.bytes(), record));
        }
      }
      assert.ok(withIt * 2 < without, `${withIt} bytes against ${without}`);
    });

    test('segments of any size and compression come back, here and at the peer', async () => {
      const { codec, peer } = codecs();
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 8 }), anyCompression, fc.boolean(), async (length, count, compression, noise) => {
          const content = noise ? seededRandom(length).bytes(length) : text(length);
          const segmentLengths = nearlyEqual(length, count);
          const context = stripeContext(count);
          for (const [encoder, decoder] of [[codec, peer], [peer, codec]] as const) {
            const { shards } = await encoder.encodeStripe({ plaintext: [content], segmentLengths, key, context, compression, dictionary });
            let at = 0;
            for (const [segment, plaintextBytes] of segmentLengths.entries()) {
              const opened = await decoder.openSegment({ sealed: shards[segment] as Body, segment, plaintextBytes, key, context, dictionary });
              assert.ok(equalBytes(opened.bytes(), content.subarray(at, at + plaintextBytes)));
              at += plaintextBytes;
            }
          }
        }),
        { numRuns: 40, seed: 21 },
      );
    });

    test('a segment needs the dictionary it was made with', async () => {
      const { codec } = codecs();
      const segmentLengths = [plaintext.length];
      const context = stripeContext(1);
      const { shards } = await codec.encodeStripe({ plaintext: [plaintext], segmentLengths, key, context, compression: automatic, dictionary });
      const open = (given: Uint8Array | undefined): Promise<Body> =>
        codec.openSegment({ sealed: shards[0] as Body, segment: 0, plaintextBytes: plaintext.length, key, context, dictionary: given });
      assert.deepEqual(Uint8Array.from((await open(dictionary)).bytes()), plaintext);
      await rejects('WRONG_DICTIONARY', open(other));
      await rejects('WRONG_DICTIONARY', open(undefined));
    });

    test('content that was stored, or compressed without, takes no notice of one', async () => {
      const { codec } = codecs();
      const request = { plaintext: [plaintext], key };
      const made = [
        await codec.encodeWhole({ ...request, compression: 'store', dictionary }), await codec.encodeWhole({ ...request, compression: 9 }),
      ];
      for (const { shards } of made) {
        for (const given of [undefined, dictionary, other]) {
          const body = await codec.decodeWhole({ shards, key, maxBytes: 1000, dictionary: given });
          assert.deepEqual(Uint8Array.from(body.bytes()), plaintext);
        }
      }
    });

    test('a bomb that names the dictionary is stopped, whether it declares its size or not', async () => {
      const { codec } = codecs();
      for (const declared of [true, false]) {
        const shards = await cut(codec, wholeBlock(codec.seal(key, bombNaming(id, declared), new Uint8Array(0))));
        await rejects('TOO_LARGE', codec.decodeWhole({ shards, key, maxBytes: 1 << 20, dictionary }));
        await rejects('WRONG_DICTIONARY', codec.decodeWhole({ shards, key, maxBytes: 1 << 20 }));
      }
      const long = text(50_000);
      const { shards } = await codec.encodeWhole({ plaintext: [long], key, compression: 3, dictionary });
      await rejects('TOO_LARGE', codec.decodeWhole({ shards, key, maxBytes: long.length - 1, dictionary }));
    });

    test('what is no dictionary is DICTIONARY_INVALID', async () => {
      const { codec } = codecs();
      const encode = (given: Uint8Array, compression: Compression = 3): Promise<unknown> =>
        codec.encodeWhole({ plaintext: [plaintext], key, compression, dictionary: given });
      for (const given of [new Uint8Array(0), utf8('dictionary'), dictionary.subarray(1), dictionary.subarray(0, 40), new Uint8Array(maxDictionaryBytes + 1)]) {
        await rejects('DICTIONARY_INVALID', encode(given));
      }
    });

    test('arbitrary bytes as dictionary: prepared and consistent, or refused by name', async () => {
      const { codec } = codecs();
      await fc.assert(
        fc.asyncProperty(fc.nat(dictionary.length - 1), fc.nat(255), fc.nat(dictionary.length), async (at, byte, cutAt) => {
          const damaged = dictionary.slice(0, cutAt % 3 === 0 ? cutAt : dictionary.length);
          damaged[at] = byte;
          try {
            const { shards } = await codec.encodeWhole({ plaintext: [plaintext], key, compression: 3, dictionary: damaged });
            const body = await codec.decodeWhole({ shards, key, maxBytes: 1000, dictionary: damaged });
            assert.deepEqual(Uint8Array.from(body.bytes()), plaintext);
          } catch (error) {
            if (!isPangeaError(error, 'DICTIONARY_INVALID')) throw error;
          }
        }),
        { numRuns: 150, seed: 22 },
      );
    });

    test('learning gives a dictionary that helps, or says why it cannot', async () => {
      const { codec } = codecs();
      const records = smallRecords(1500);
      let learnt: Uint8Array;
      try {
        learnt = await codec.trainDictionary(records.slice(0, 1400), 2048);
      } catch (error) {
        assert.ok(isPangeaError(error, 'NOT_SUPPORTED') && codec.name === 'portable', String(error));
        return;
      }
      assert.ok(learnt.length > 256 && learnt.length <= 2048);
      const sizes = async (given: Uint8Array | undefined): Promise<number> => {
        let total = 0;
        for (const record of records.slice(1400)) total += (await codec.encodeWhole({ plaintext: [record], key, compression: 3, dictionary: given })).compressedBytes;
        return total;
      };
      assert.ok((await sizes(learnt)) * 2 < (await sizes(undefined)));
      await rejects('DICTIONARY_INVALID', codec.trainDictionary(records.slice(0, 2), 2048));
      await rejects('DICTIONARY_INVALID', codec.trainDictionary(records, 100));
    });
  });
}

/** 512 MiB of zeros in run-length blocks, in a frame that names a dictionary. */
function bombNaming(id: number, declared: boolean): Uint8Array {
  const blocks = 4096;
  const writer = new ByteWriter(20_000).u32(0xfd2fb528).u8(declared ? 0xc3 : 0x03).u8(0x38).u32(id);
  if (declared) writer.u64(blocks * 131_072);
  for (let block = 1; block <= blocks; block++) {
    const header = (131_072 << 3) | (1 << 1) | (block === blocks ? 1 : 0);
    writer.u16(header & 0xffff).u8(header >>> 16).u8(0);
  }
  return writer.finish();
}

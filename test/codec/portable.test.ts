import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bodyFrom } from '../../src/body/body.ts';
import { nobleHash } from '../../src/codec/backends/portable/hash.ts';
import { createPortableCodec } from '../../src/codec/codec.ts';
import { seededRandom, toHex } from '../../src/std/std.ts';
import { formatVector } from './material.ts';
import { codecConformance } from '../conformance/codec.ts';

codecConformance('portable', () => ({ codec: createPortableCodec(), peer: createPortableCodec() }));

describe('portable codec', () => {
  test('the same nonces give the same bytes, and only microtasks pass', async () => {
    const encode = async (): Promise<string> => {
      const codec = createPortableCodec({ nonce: seededRandom(5).bytes });
      const plaintext = [seededRandom(6).bytes(100_000)];
      let ticks = 0;
      const timer = setImmediate(() => ticks++);
      const { identities } = await codec.encodeWhole({ plaintext, key: new Uint8Array(32), compression: 3 });
      const context = { salt: new Uint8Array(32), stripe: 0, segmentsInStripe: 2 };
      const stripe = await codec.encodeStripe({ plaintext, segmentLengths: [50_000, 50_000], key: new Uint8Array(32), context, compression: 3 });
      assert.equal(ticks, 0, 'the event loop did not turn');
      clearImmediate(timer);
      return toHex(identities) + toHex(stripe.identities);
    };
    assert.equal(await encode(), await encode());
  });

  test('with the nonces of the frozen format its bytes are made again', async () => {
    const { keyOfFormat: key, plaintext, whole, stripe } = formatVector();
    let calls = 0;
    const codec = createPortableCodec({ nonce: (length) => (calls++, Uint8Array.from({ length }, (_, i) => calls * 16 + i)) });
    const bytesOf = (shards: readonly { bytes(): Uint8Array }[]): string[] => shards.map((shard) => toHex(shard.bytes()));
    const encoded = await codec.encodeWhole({ plaintext: [plaintext], key, compression: 'store' });
    assert.deepEqual(bytesOf(encoded.shards), whole.map(({ bytes }) => toHex(bytes)));
    const { segmentLengths, context, shards } = stripe;
    const striped = await codec.encodeStripe({ plaintext: [plaintext], segmentLengths, key, context, compression: 'store' });
    assert.deepEqual(bytesOf(striped.shards), shards.map(({ bytes }) => toHex(bytes)));
  });

  test('the hash in JavaScript agrees with the binding', async () => {
    const codec = createPortableCodec();
    for (const length of [0, 1, 1023, 1024, 1025, 70_000]) {
      const bytes = seededRandom(length).bytes(length);
      assert.deepEqual(nobleHash.hash(bytes), await codec.identity(bodyFrom(bytes)));
      assert.deepEqual(nobleHash.deriveKey('pangea-node 1 test', bytes), codec.deriveKey('pangea-node 1 test', bytes));
    }
  });
});

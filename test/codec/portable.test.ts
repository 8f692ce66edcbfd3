import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nobleHash } from '../../src/codec/backends/portable/hash.ts';
import { createPortableCodec } from '../../src/codec/codec.ts';
import { seededRandom, toHex } from '../../src/std/std.ts';
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

  test('the hash in JavaScript agrees with the binding', async () => {
    const codec = createPortableCodec();
    const { bodyFrom } = await import('../../src/body/body.ts');
    for (const length of [0, 1, 1023, 1024, 1025, 70_000]) {
      const bytes = seededRandom(length).bytes(length);
      assert.deepEqual(nobleHash.hash(bytes), await codec.identity(bodyFrom(bytes)));
      assert.deepEqual(nobleHash.deriveKey('pangea-node 1 test', bytes), codec.deriveKey('pangea-node 1 test', bytes));
    }
  });
});

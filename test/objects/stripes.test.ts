/** Cutting a stream in stripes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutStripes, StripeBuffers } from '../../src/objects/put/stripes.ts';
import { concatBytes } from '../../src/std/std.ts';
import { assertSame, noise } from './world.ts';

/** Gives every chunk in the same memory, as a get does. */
async function* reusing(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(chunkBytes); // whose `slice` shares memory
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const piece = bytes.subarray(at, at + chunkBytes);
    chunk.set(piece);
    yield chunk.subarray(0, piece.length);
  }
}

for (const chunkBytes of [1000, 50_000]) {
  test(`a source may use its memory again for the next chunk of ${chunkBytes} bytes`, async () => {
    const content = noise(700_000, 3);
    const stripes: Uint8Array[] = [];
    for await (const { chunks, bytes } of cutStripes(reusing(content, chunkBytes), 300_000, new StripeBuffers(300_000))) {
      stripes.push(concatBytes(...chunks).slice());
      assert.equal(stripes.at(-1)?.length, bytes);
    }
    assert.deepEqual(stripes.map((stripe) => stripe.length), [300_000, 300_000, 100_000]);
    assertSame(concatBytes(...stripes), content);
  });
}

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createNativeCodec, createPortableCodec } from '../../src/codec/codec.ts';
import { loadNative } from '../../src/native/native.ts';
import { seededRandom } from '../../src/std/std.ts';
import { codecConformance } from '../conformance/codec.ts';

const load = loadNative();
if (!load.ok) {
  test('codec native', { skip: load.reason }, () => undefined);
} else {
  const { native } = load;
  codecConformance('native', () => ({ codec: createNativeCodec(native), peer: createPortableCodec() }));

  describe('native codec', () => {
    test('work stays off the event loop', async () => {
      const codec = createNativeCodec(native);
      const plaintext = [seededRandom(1).bytes(32 << 20)];
      let turns = 0;
      let working = true;
      const turn = (): void => {
        turns++;
        if (working) setImmediate(turn);
      };
      turn();
      const { shards } = await codec.encodeWhole({ plaintext, key: new Uint8Array(32), compression: 1 });
      working = false;
      for (const shard of shards) shard.release();
      assert.ok(turns > 20, `the loop turned ${turns} times while 32 MiB were encoded`);
    });
  });
}

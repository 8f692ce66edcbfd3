import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { describe, test } from 'node:test';
import { bodyFrom, type Body } from '../../src/body/body.ts';
import { createNativeCodec, createPortableCodec } from '../../src/codec/codec.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { loadNative } from '../../src/native/native.ts';
import { equalBytes, seededRandom } from '../../src/std/std.ts';
import { codecConformance } from '../conformance/codec.ts';

const load = loadNative();
if (!load.ok) {
  test('codec native', { skip: load.reason }, () => undefined);
} else {
  const { native } = load;
  codecConformance('native', () => ({ codec: createNativeCodec(native), peer: createPortableCodec() }));

  describe('native codec', () => {
    const key = new Uint8Array(32);
    const mib = 1 << 20;

    test('work stays off the event loop', async () => {
      const codec = createNativeCodec(native);
      const plaintext = [seededRandom(1).bytes(32 * mib)];
      let turns = 0;
      let working = true;
      const turn = (): void => {
        turns++;
        if (working) setImmediate(turn);
      };
      turn();
      const { shards } = await codec.encodeWhole({ plaintext, key, compression: 1 });
      working = false;
      for (const shard of shards) shard.release();
      assert.ok(turns > 20, `the loop turned ${turns} times while 32 MiB were encoded`);
    });

    // CPU time of this thread, which what else the machine does cannot lengthen; the kernel counts it in steps of 4 ms
    // at worst, so calls are made in numbers and the mean is what counts.
    test('no call holds the event loop for its work, whatever its size', async () => {
      const codec = createNativeCodec(native);
      const block = seededRandom(2).bytes(64 * mib);
      const context = { salt: new Uint8Array(32), stripe: 0, segmentsInStripe: 8 };
      const segmentLengths = Array.from({ length: 8 }, () => mib);
      const own = (): number => {
        const { user, system } = process.threadCpuUsage();
        return (user + system) / 1000;
      };
      let calls = 0;
      let inCallsMs = 0;
      const counted = <T>(call: () => Promise<T>): Promise<T> => {
        const start = own();
        const promise = call();
        inCallsMs += own() - start;
        calls++;
        return promise;
      };
      const before = { own: own(), all: process.cpuUsage() };
      for (let round = 0; round < 2; round++) {
        const whole = await counted(() => codec.encodeWhole({ plaintext: [block], key, compression: 'store' }));
        const missing = whole.shards.map((shard, row) => (row < 4 ? null : shard));
        (await counted(() => codec.decodeWhole({ shards: missing, key, maxBytes: block.length }))).release();
        for (const shard of whole.shards) shard.release();
        await Promise.all(Array.from({ length: 8 }, async (_, stripe) => {
          const plaintext = [block.subarray(stripe * 8 * mib, (stripe + 1) * 8 * mib)];
          const { shards } = await counted(() => codec.encodeStripe({ plaintext, segmentLengths, key, context, compression: 'store' }));
          const opened = await Promise.all(segmentLengths.map((plaintextBytes, segment) =>
            counted(() => codec.openSegment({ sealed: shards[segment] as Body, segment, plaintextBytes, key, context }))));
          for (const body of [...shards, ...opened]) body.release();
        }));
      }
      const all = process.cpuUsage(before.all);
      const share = (own() - before.own) / ((all.user + all.system) / 1000);
      assert.ok(inCallsMs / calls < 5, `${inCallsMs.toFixed(1)} ms of this thread in ${calls} calls`);
      assert.ok(share < 0.3, `this thread did ${(share * 100).toFixed(0)} % of the work`);
    });

    test('what works while the caller waits is small', () => {
      const codec = createNativeCodec(native);
      const large = new Uint8Array(mib + 1);
      const none = new Uint8Array(0);
      const isTooLarge = (error: unknown): boolean => isPangeaError(error, 'TOO_LARGE');
      assert.throws(() => codec.seal(key, large, none), isTooLarge);
      assert.throws(() => codec.seal(key, none, large), isTooLarge);
      assert.throws(() => codec.open(key, new Uint8Array(mib + 41), none), isTooLarge);
      assert.throws(() => codec.deriveKey('test', large), isTooLarge);
      assert.equal(codec.open(key, codec.seal(key, large.subarray(1), none), none).length, mib);
    });

    test('memory is bounded by the cores, not by the object', async () => {
      const codec = createNativeCodec(native);
      const { limit } = native.Ces.memory();
      assert.equal(limit, availableParallelism() * 96 * mib);
      const stripe = seededRandom(3).bytes(8 * mib);
      const segmentLengths = Array.from({ length: 8 }, () => mib);
      const salt = new Uint8Array(32);
      // A GiB: what comes out is released at once, what is asked for waits in a list.
      await Promise.all(Array.from({ length: 128 }, async (_, number) => {
        const { shards } = await codec.encodeStripe({
          plaintext: [stripe], segmentLengths, key, context: { salt, stripe: number, segmentsInStripe: 8 }, compression: 'store',
        });
        for (const shard of shards) shard.release();
      }));
      // Calls of a hundred MiB each do not run beside each other where that is too much.
      const large = new Uint8Array(64 * mib);
      await Promise.all(Array.from({ length: 4 }, async () => {
        const { shards } = await codec.encodeWhole({ plaintext: [large], key, compression: 1 });
        for (const shard of shards) shard.release();
      }));
      const { taken, most } = native.Ces.memory();
      assert.equal(taken, 0);
      assert.ok(most > 12 * mib && most <= limit, `${most} of ${limit} bytes`);
    });

    test('plaintext comes from bodies, too, which may be released at once', async () => {
      const codec = createNativeCodec(native);
      const bytes = seededRandom(4).bytes(300_000);
      const file = native.NativeBody.fromBuffer(Buffer.from(bytes.subarray(0, 200_000)));
      const plaintext = [file, bytes.subarray(200_000, 250_000), bodyFrom(bytes.subarray(250_000))];
      const encoding = codec.encodeWhole({ plaintext, key, compression: 'store' });
      file.release();
      const { shards } = await encoding;
      const body = await codec.decodeWhole({ shards, key, maxBytes: bytes.length });
      assert.ok(equalBytes(body.bytes(), bytes));
      await assert.rejects(codec.encodeWhole({ plaintext, key, compression: 'store' }), (error) => isPangeaError(error, 'BODY_RELEASED'));
    });

    test('every pair of implementations gives the same shards a reader', async () => {
      const { kernels, ciphers } = native.cesCandidates();
      const bytes = seededRandom(5).bytes(100_000);
      for (const [at, kernel] of kernels.entries()) {
        const cipher = ciphers[at % ciphers.length] as string;
        const codec = createNativeCodec(native, { kernel, cipher });
        assert.equal(codec.kernels.reedSolomon, kernel);
        assert.equal(codec.kernels.seal, cipher);
        const { shards } = await codec.encodeWhole({ plaintext: [bytes], key, compression: 'store' });
        const body = await createPortableCodec().decodeWhole({ shards: shards.map((shard, row) => (row < 4 ? null : shard)), key, maxBytes: bytes.length });
        assert.ok(equalBytes(body.bytes(), bytes), `${kernel}, ${cipher}`);
      }
      const refused = (error: unknown): boolean => isPangeaError(error, 'BACKEND_UNAVAILABLE');
      assert.throws(() => createNativeCodec(native, { kernel: 'abacus', cipher: 'dryoc' }), refused);
      assert.throws(() => createNativeCodec(native, { kernel: 'scalar', cipher: 'rot13' }), refused);
    });
  });
}

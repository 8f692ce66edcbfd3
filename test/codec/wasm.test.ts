import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bodyFrom } from '../../src/body/body.ts';
import type { Call } from '../../src/codec/backends/wasm/call.ts';
import { Ces, maxIdleBytes } from '../../src/codec/backends/wasm/core.ts';
import type { WasmModule } from '../../src/codec/backends/wasm/engine.ts';
import { CesInstance } from '../../src/codec/backends/wasm/instance.ts';
import { createPool, maxWaiting } from '../../src/codec/backends/wasm/pool.ts';
import { createPortableCodec, createWasmCodec, loadWasm } from '../../src/codec/codec.ts';
import { seededRandom, toHex } from '../../src/std/std.ts';
import { codecConformance } from '../conformance/codec.ts';
import { key, rejects, withParity } from './material.ts';

const load = loadWasm();
if (!load.ok) {
  test('codec wasm', { skip: load.reason }, () => undefined);
} else {
  const { module } = load;
  codecConformance('wasm', () => ({ codec: createWasmCodec(load), peer: createPortableCodec() }));
  describe('an instance', () => instanceTests(module));
  describe('the threads', { timeout: 60_000 }, () => threadTests(module));
}

function instanceTests(module: WasmModule): void {
  test('says what it runs on', () => {
    assert.deepEqual(new Ces(module).kernels(), { compress: 'zstd', seal: 'dryoc', reedSolomon: 'simd128', hash: 'blake3 wasm32_simd' });
  });

  test('never takes a nonce twice, and does not seal without', () => {
    const ces = new CesInstance(module);
    const [secret, text] = [ces.put(key), ces.put(new Uint8Array(100))];
    const seal = (): string => toHex(ces.ask((exports) => exports.ces_seal(secret.at, text.at, text.length, 0, 0)).bytes.subarray(0, 24));
    assert.throws(seal, { code: 'INTERNAL', message: /0 fresh nonces/ });
    const seen = new Set<string>();
    for (let round = 0; round < 3; round++) {
      ces.freshNonces();
      for (let call = 0; call < 8; call++) seen.add(seal());
      assert.throws(seal, { code: 'INTERNAL', message: /0 fresh nonces/ });
    }
    assert.equal(seen.size, 24);
  });

  test('codes rows that lie apart as those that lie together', async () => {
    const bytes = 1000;
    const data = Array.from({ length: 8 }, (_, row) => seededRandom(row).bytes(bytes));
    const wanted = (await withParity(createPortableCodec(), data)).map(toHex);
    for (const stride of [bytes, bytes + 192]) {
      const ces = new CesInstance(module);
      const room = ces.room(12 * stride);
      const row = (index: number): Uint8Array => ces.view(room).subarray(index * stride, index * stride + bytes);
      const all = (): string[] => Array.from({ length: 12 }, (_, index) => toHex(row(index)));
      for (const [index, content] of data.entries()) row(index).set(content);
      assert.equal(ces.exports.ces_rs_encode(room.at, bytes, stride), 0);
      assert.deepEqual(all(), wanted);
      for (const lost of [0, 5, 8, 11]) row(lost).fill(0);
      assert.equal(ces.exports.ces_rs_rebuild(room.at, bytes, 1 << 0 | 1 << 5 | 1 << 8 | 1 << 11, stride), 0);
      assert.deepEqual(all(), wanted);
    }
  });

  test('keeps no key', () => {
    const ces = new CesInstance(module);
    const secret = seededRandom(7).bytes(32);
    const held = (): boolean => Buffer.from(ces.exports.memory.buffer).includes(Buffer.from(secret));
    const [keyRoom, text, how] = [ces.put(secret, true), ces.put(seededRandom(8).bytes(100_000)), ces.put(new Uint8Array(20))];
    ces.freshNonces();
    ces.ask((exports) => exports.ces_encode_whole(text.at, text.length, keyRoom.at, how.at));
    assert.ok(held());
    ces.freeAll();
    assert.ok(!held());
  });

  test('that trapped says so, and its like goes on', () => {
    const ces = new CesInstance(module);
    assert.throws(() => ces.ask((exports) => exports.ces_identity(2 ** 31 - 8, 64)), { code: 'INTERNAL', message: /trapped/ });
    assert.ok(ces.trapped);
    assert.equal(new Ces(module).identity(new Uint8Array(0))[0], 0xaf);
  });

  test('is replaced when a call has left it large', () => {
    const ces = new Ces(module);
    const before = ces.memoryBytes;
    const made = ces.perform({ op: 'encodeWhole', key, compression: 'store' }, [new Uint8Array(48 << 20)]);
    assert.equal(made.lengths.length, 12);
    assert.equal(ces.memoryBytes, before);
    ces.perform({ op: 'encodeWhole', key, compression: 'store' }, [new Uint8Array(4 << 20)]);
    assert.ok(ces.memoryBytes > before && ces.memoryBytes <= maxIdleBytes, 'what is small enough stays warm');
  });

  test('has no more memory than a call may take', () => {
    const ces = new CesInstance(module);
    const rooms = Array.from({ length: 3 }, () => () => ces.room(300 << 20));
    for (const room of rooms) room();
    assert.throws(() => ces.room(300 << 20), { code: 'TOO_LARGE' });
    assert.ok(!ces.trapped);
  });

  test('counts that are none are INTERNAL', () => {
    const ces = new Ces(module);
    const context = { salt: new Uint8Array(32), stripe: 0, segmentsInStripe: 1 };
    const wrong: Call[] = [
      { op: 'decodeWhole', key, maxBytes: -1 },
      { op: 'openSegment', segment: 0.5, plaintextBytes: 1, key, context },
      { op: 'openSegment', segment: 0, plaintextBytes: 1, key, context: { ...context, stripe: 2 ** 53 } },
      { op: 'openSegment', segment: 0, plaintextBytes: 1, key, context: { ...context, salt: new Uint8Array(31) } },
      { op: 'reconstruct', lengths: [1], rows: [0] },
      { op: 'reconstruct', lengths: Array.from({ length: 12 }, () => Number.NaN), rows: [0] },
    ];
    for (const call of wrong) assert.throws(() => ces.perform(call, Array.from({ length: 12 }, () => new Uint8Array(1))), { code: 'INTERNAL' }, JSON.stringify(call));
  });
}

function threadTests(module: WasmModule): void {
  const source = fileURLToPath(new URL('../../src/codec/codec.ts', import.meta.url));

  test('leave the event loop its turns', async () => {
    const run = createPool(module, 1);
    let turns = 0;
    let working = true;
    const turn = (): void => {
      turns++;
      if (working) setImmediate(turn);
    };
    turn();
    const mebibytes = 32;
    await run({ op: 'encodeWhole', key, compression: 'store' }, [new Uint8Array(mebibytes << 20)]);
    working = false;
    assert.ok(turns > mebibytes, `the loop turned ${turns} times while ${mebibytes} MiB were handed over and encoded`);
  });

  test('give results to whom they belong, whatever their number', async () => {
    const codec = createPortableCodec();
    for (const threads of [1, 3]) {
      const run = createPool(module, threads);
      await Promise.all(Array.from({ length: 40 }, async (_, seed) => {
        const bytes = seededRandom(seed).bytes(seed * 50_000);
        const { bytes: identity } = await run({ op: 'identity' }, [bytes]);
        assert.deepEqual(identity, Uint8Array.from(await codec.identity(bodyFrom(bytes))));
      }));
    }
  });

  test('bound how many calls wait', async () => {
    const run = createPool(module, 1);
    const calls = Array.from({ length: 1 + maxWaiting }, () => run({ op: 'identity' }, [new Uint8Array(1)]));
    await rejects('INTERNAL', run({ op: 'identity' }, [new Uint8Array(1)]));
    assert.equal((await Promise.all(calls)).length, calls.length);
  });

  test('that cannot start fail the call, and the next call tries again', async () => {
    const run = createPool({} as WasmModule, 1);
    for (let call = 0; call < 2; call++) await rejects('INTERNAL', run({ op: 'identity' }, [new Uint8Array(1)]));
  });

  test('hold the process while they work, and no longer', async () => {
    const program = `
      import { createWasmCodec, loadWasm } from ${JSON.stringify(source)};
      const codec = createWasmCodec(loadWasm());
      const encode = () => codec.encodeWhole({ plaintext: [new Uint8Array(1 << 20)], key: new Uint8Array(32), compression: 3 });
      await encode();
      void encode().then(({ shards }) => console.log(shards.length, 'shards'));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 30_000 });
    assert.equal(stdout, '12 shards\n');
  });
}

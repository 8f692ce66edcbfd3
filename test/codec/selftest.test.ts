import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { xxh64 } from '@node-rs/xxhash';
import type { Body } from '../../src/body/body.ts';
import { createNativeCodec, createPortableCodec, selfTestCodec, type Codec } from '../../src/codec/codec.ts';
import { goldenParity } from '../../src/codec/selftest.ts';
import { loadNative } from '../../src/native/native.ts';
import { concatBytes, fromHex } from '../../src/std/std.ts';
import { damage } from './material.ts';

/** The portable codec with one method replaced. */
const broken = (change: (right: Codec) => Partial<Codec>): Codec => {
  const right = createPortableCodec();
  const changed = change(right);
  return new Proxy(right, {
    get: (codec, name) => {
      const value: unknown = Reflect.get(name in changed ? changed : codec, name);
      return typeof value === 'function' ? value.bind(codec) : value;
    },
  });
};
const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 5 ? byte ^ 1 : byte));

describe('self-test of a codec', () => {
  test('the golden parity is the golden value', () => {
    const rows = Array.from({ length: 8 }, (_, row) => Uint8Array.from({ length: 32 }, (_, i) => row * 32 + i));
    const all = [...rows, ...goldenParity.map((row) => fromHex(row))].flatMap((row, at) => [Uint8Array.of(at), row]);
    assert.equal(xxh64(concatBytes(...all), 0n), 0x03ba5e9b41bf07f0n);
  });

  test('the portable codec passes, and lets others run in between', async () => {
    let pauses = 0;
    assert.equal(await selfTestCodec(createPortableCodec(), async () => void pauses++), null);
    assert.ok(pauses >= 4);
  });

  const load = loadNative();
  test('the native codec passes', { skip: load.ok ? false : load.reason }, async () => {
    assert.ok(load.ok);
    assert.equal(await selfTestCodec(createNativeCodec(load.native)), null);
  });

  const cases: [string, RegExp, (right: Codec) => Partial<Codec>][] = [
    ['identity', /identity of known bytes/, (right) => ({ identity: async (body) => flip(await right.identity(body)) })],
    ['deriveKey', /key derived/, (right) => ({ deriveKey: (context, material) => flip(right.deriveKey(context, material)) })],
    ['open gives other bytes', /draft opens to other/, (right) => ({ open: (...from) => flip(right.open(...from)) })],
    ['open does not authenticate', /wrong bit was opened/, (right) => ({
      open: (key, sealed, ad) => { try { return right.open(key, sealed, ad); } catch { return new Uint8Array(0); } },
    })],
    ['seal', /what was sealed opens to other bytes/, (right) => ({ seal: (key, plaintext, ad) => right.seal(key, flip(plaintext), ad) })],
    ['parity', /parity of known rows/, (right) => ({
      reconstruct: async (request) => (await right.reconstruct(request)).map((body, at) => (at === 3 ? damage(body, 31) : body)),
    })],
    ['a compressed segment', /a compressed segment opens/, (right) => ({
      openSegment: async (request) => {
        const body = await right.openSegment(request);
        return request.sealed.byteLength < 200 ? damage(body, 100) : body;
      },
    })],
    ['an identity told with the shards', /another identity than was said/, (right) => ({
      encodeWhole: async (request) => { const all = await right.encodeWhole(request); return { ...all, identities: flip(all.identities.toReversed()) }; },
    })],
    ['decoding with four lost', /lost: other bytes came back/, (right) => ({
      decodeWhole: async (request) => damage(await right.decodeWhole(request), 8000),
    })],
    ['rebuilding four lost', /lost: other shards were rebuilt/, (right) => ({
      reconstruct: async (request) => (await right.reconstruct(request)).map((body) => (body.byteLength > 100 ? damage(body, 99) : body)),
    })],
    ['an error', /it threw: no such thing/, () => ({ identity: async () => { throw new Error('no such thing'); } })],
  ];
  for (const [name, message, change] of cases) {
    test(`names what is wrong: ${name}`, async () => assert.match((await selfTestCodec(broken(change))) ?? 'passed', message));
  }

  test('releases every body that it got', async () => {
    const made: Body[] = [];
    const counted = (body: Body): Body => { made.push(body); return body; };
    const codec = broken((right) => ({
      decodeWhole: async (request) => counted(await right.decodeWhole(request)),
      openSegment: async (request) => counted(await right.openSegment(request)),
      reconstruct: async (request) => (await right.reconstruct(request)).map(counted),
    }));
    assert.equal(await selfTestCodec(codec), null);
    assert.ok(made.length >= 12);
    for (const body of made) assert.throws(() => body.bytes(), { code: 'BODY_RELEASED' });
  });
});

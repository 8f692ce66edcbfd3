import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { emptyBody } from '../../src/body/body.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { fromHex, seededRandom, toHex, utf8 } from '../../src/std/std.ts';
import { decodeReply, decodeRequest, encodeReply, encodeRequest, messages } from '../../src/transport/messages/messages.ts';
import type { Answers, Reply, Request } from '../../src/transport/transport.ts';

const protocol = (error: unknown): boolean => isPangeaError(error, 'PROTOCOL');
const types = Object.keys(messages) as Request['type'][];

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const u8 = fc.nat(0xff);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const durability = fc.constantFrom('memory' as const, 'fsync' as const);
const text = (bytes: number): fc.Arbitrary<string> => fc.string({ unit: 'grapheme', maxLength: 16 }).filter((s) => utf8(s).length <= bytes);
const peer = fc.stringMatching(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/);
const hello = fc.record({
  label: u64, version: text(64), quicAddresses: fc.array(text(512), { maxLength: 32 }), multiaddrs: fc.array(text(512), { maxLength: 32 }),
  certificate: fc.uint8Array({ maxLength: 4096 }), storing: fc.boolean(), freeBytes: u64, failureDomain: text(128),
});

const requests: { [T in Request['type']]: fc.Arbitrary<Extract<Request, { type: T }>> } = {
  put: fc.record({ type: fc.constant('put'), object: id, stripe: u32, row: u8, identity: id, durability, repair: fc.boolean() }),
  get: fc.record({ type: fc.constant('get'), object: id, kind: u8, stripe: u32, row: u32, offset: u32, length: u32 }),
  have: fc.record({ type: fc.constant('have'), root: id, firstStripe: u32, stripes: fc.integer({ min: 0, max: 65_536 }) }),
  stat: fc.constant({ type: 'stat' }),
  layout: fc.record({
    type: fc.constant('layout'), root: id, object: id, headerBytes: fc.nat(4096), manifestBytes: fc.nat(4096),
    pageBytes: fc.array(fc.nat(4096), { maxLength: 50 }), slots: fc.nat(0xfff), durability,
    inline: fc.array(fc.record({ stripe: u32, row: u8, byteLength: fc.nat(4096) }), { maxLength: 50 }),
    holders: fc.array(fc.oneof(fc.constant(''), peer), { minLength: 12, maxLength: 12 }),
  }),
  delete: fc.record({ type: fc.constant('delete'), root: id, secret: id }),
  ping: fc.constant({ type: 'ping' }),
  hello: fc.record({ type: fc.constant('hello'), hello }),
};
const answers: { [T in Request['type']]: fc.Arbitrary<Answers[T]> } = {
  put: fc.record({ durability }),
  get: fc.record({ totalBytes: u64 }),
  have: fc.record({ known: fc.boolean(), deleted: fc.boolean(), masks: fc.uint16Array({ maxLength: 100 }) }),
  stat: fc.record({ liveBytes: u64, freeBytes: u64, objects: u64, label: u64 }),
  layout: fc.record({ durability, missing: fc.array(fc.record({ stripe: u32, row: u8 }), { maxLength: 50 }) }),
  delete: fc.record({ removedRecords: u32 }),
  ping: fc.constant({}),
  hello: fc.record({ hello }),
};
/** `fc.record` makes objects without a prototype. */
const plain = <T>(value: T): T => structuredClone(value);

for (const type of types) {
  describe(`message ${type}`, () => {
    it('gives the same request back', () => {
      fc.assert(fc.property(requests[type] as fc.Arbitrary<Request>, (request) => {
        assert.deepEqual(plain(decodeRequest(encodeRequest(request))), plain(request));
      }), { seed: 1 });
    });
    it('gives the same answer back', () => {
      fc.assert(fc.property(answers[type] as fc.Arbitrary<Answers[typeof type]>, (answer) => {
        const reply = decodeReply(type, encodeReply(type, { status: 0, answer, body: emptyBody }), emptyBody);
        assert.ok(reply.status === 0);
        assert.deepEqual(plain(reply.answer), plain(answer));
      }), { seed: 2 });
    });
    it('refuses every cut and every extra byte of a request', () => {
      fc.assert(fc.property(requests[type] as fc.Arbitrary<Request>, (request) => {
        const { code, struct } = encodeRequest(request);
        for (let length = 0; length < struct.length; length += 1 + (struct.length >> 5)) {
          assert.throws(() => decodeRequest({ code, struct: struct.subarray(0, length) }), protocol);
        }
        const longer = new Uint8Array(struct.length + 1);
        longer.set(struct);
        assert.throws(() => decodeRequest({ code, struct: longer }), protocol);
      }), { seed: 3, numRuns: 30 });
    });
    it('throws nothing but PROTOCOL for random and for damaged bytes', () => {
      const random = seededRandom(4);
      const samples = fc.sample(requests[type] as fc.Arbitrary<Request>, { seed: 4, numRuns: 50 });
      const attempt = (run: () => unknown): void => {
        try {
          run();
        } catch (error) {
          assert.ok(protocol(error), String(error));
        }
      };
      for (let round = 0; round < 2000; round++) {
        let struct = random.bytes(random.integer(200));
        if (round % 2 === 0) {
          struct = Uint8Array.from(encodeRequest(samples[random.integer(samples.length)] as Request).struct);
          for (let i = 0; i < 3 && struct.length > 0; i++) struct[random.integer(struct.length)] = random.integer(256);
        }
        attempt(() => decodeRequest({ code: messages[type].code, struct }));
        attempt(() => decodeReply(type, { status: random.integer(14), struct }, emptyBody));
      }
    });
  });
}

describe('messages', () => {
  it('keeps type numbers apart', () => {
    assert.equal(new Set(types.map((type) => messages[type].code)).size, types.length);
  });
  it('refuses unknown types and statuses', () => {
    for (const code of [0, 9, 255]) assert.throws(() => decodeRequest({ code, struct: new Uint8Array() }), protocol);
    assert.throws(() => decodeReply('ping', { status: 11, struct: new Uint8Array() }, emptyBody), protocol);
  });
  it('bounds what a struct can claim', () => {
    const { code, struct } = encodeRequest({ type: 'have', root: new Uint8Array(32), firstStripe: 0, stripes: 1 });
    struct[38] = 1; // 65,537 stripes
    assert.throws(() => decodeRequest({ code, struct }), protocol);
    const masks = encodeReply('have', { status: 0, answer: { known: true, deleted: false, masks: new Uint16Array(2) }, body: emptyBody });
    masks.struct[1] = 255; // more masks than bytes
    assert.throws(() => decodeReply('have', masks, emptyBody), protocol);
    assert.throws(() => decodeRequest({ code: messages.ping.code, struct: new Uint8Array(1024 * 1024 + 1) }), protocol);
  });
  it('refuses a layout whose parts exceed a body', () => {
    const request: Request = {
      type: 'layout', root: new Uint8Array(32), object: new Uint8Array(32), headerBytes: 8 << 20, pageBytes: [8 << 20], manifestBytes: 1,
      inline: [], slots: 1, holders: [], durability: 'fsync',
    };
    assert.throws(() => decodeRequest(encodeRequest(request)), protocol);
    assert.doesNotThrow(() => decodeRequest(encodeRequest({ ...request, manifestBytes: 0 })));
  });
  it('carries a refusal as one printable line of at most 1,024 bytes', () => {
    const refusal: Reply<'put'> = { status: 4, message: `full\n\u001b[31m${'x'.repeat(5000)}` };
    const head = encodeReply('put', refusal);
    assert.equal(head.struct.length, 1024);
    const back = decodeReply('put', head, emptyBody);
    assert.ok(back.status === 4 && back.message.startsWith('full [31mxxx'));
  });
});

describe('schema/shard-protocol.md', () => {
  const page = readFileSync(new URL('../../schema/shard-protocol.md', import.meta.url), 'utf8');
  const examples = [...page.matchAll(/^(request|answer) (\w+) (\{.*\})\n((?:[0-9a-f]{2}[0-9a-f ]*\n?)+|-\n)/gm)];
  const revive = (json: string): never =>
    JSON.parse(json, (key, value: unknown) => {
      if (typeof value === 'string' && value.startsWith('hex:')) return fromHex(value.slice(4));
      if (key === 'masks') return Uint16Array.from(value as number[]);
      return value;
    }) as never;

  it('has an example of every request and answer', () => {
    const found = examples.map((example) => `${example[1]} ${example[2]}`).sort();
    assert.deepEqual(found, types.flatMap((type) => [`answer ${type}`, `request ${type}`]).sort());
  });
  for (const [, side, type, json, hex] of examples) {
    it(`${side} ${type} has the bytes that the page shows`, () => {
      const shown = (hex ?? '').replace(/[-\s]/g, '');
      const name = type as Request['type'];
      const struct = side === 'request'
        ? encodeRequest({ type: name, ...(revive(json ?? '') as object) } as Request).struct
        : encodeReply(name, { status: 0, answer: revive(json ?? ''), body: emptyBody }).struct;
      assert.equal(toHex(struct), shown);
    });
  }
});

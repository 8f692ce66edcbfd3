import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { bodyFrom, type Body } from '../../src/body/body.ts';
import type { Host, HostStream } from '../../src/host/host.ts';
import { identityOfSeed } from '../../src/identity/identity.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { concatBytes, fromHex, seededRandom, systemClock, utf8 } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { encodeForeignHead, fetchForeign, foreignLimits, foreignProtocol, serveForeign, storeForeign, type ForeignShards } from '../../src/transport/foreign.ts';
import { makeJsHost, makeNativeHost, nativeMissing, type MakeHost } from '../host/makers.ts';

const stranger = identityOfSeed(new Uint8Array(32).fill(9)).peerId;
const call = { clock: systemClock, timeoutMs: 10_000 };

/** Keeps whatever it is given, by name. */
class MapShards implements ForeignShards {
  readonly kept = new Map<string, Uint8Array>();
  takes = true;
  released = 0;

  async fetch(_peer: PeerId, hash: string, index: number): Promise<Body | undefined> {
    const bytes = this.kept.get(`${hash}/${index}`);
    if (bytes === undefined) return undefined;
    const body = bodyFrom(bytes);
    return Object.assign(Object.create(body) as Body, {
      byteLength: body.byteLength, bytes: () => body.bytes(), slice: (from: number, to?: number) => body.slice(from, to),
      release: () => { this.released++; },
    });
  }

  async store(_peer: PeerId, hash: string, index: number, shard: Uint8Array): Promise<boolean> {
    if (this.takes) this.kept.set(`${hash}/${index}`, shard.slice());
    return this.takes;
  }
}

/** One end of a stream of which the other end sends these chunks and closes. */
class ScriptedStream implements HostStream {
  readonly peer: PeerId = stranger;
  readonly protocol = foreignProtocol;
  readonly written: Uint8Array[] = [];
  readonly #chunks: Uint8Array[];

  constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = [...chunks];
  }

  async read(): Promise<Body | undefined> {
    const chunk = this.#chunks.shift();
    return chunk && bodyFrom(chunk);
  }

  async write(body: Body): Promise<void> {
    this.written.push(body.bytes().slice());
  }

  async closeWrite(): Promise<void> {}
  reset(): void {}
}

/** Gives the handler that a served node registers. */
function handlerOf(shards: ForeignShards, admits = true): (stream: HostStream) => Promise<void> {
  let handler: ((stream: HostStream) => Promise<void>) | undefined;
  const host = { handle: (protocol: string, given: typeof handler) => { assert.equal(protocol, foreignProtocol); handler = given; } };
  serveForeign({ host: host as unknown as Host, clock: systemClock, logger: silentLogger, shards, admits: () => admits });
  assert.ok(handler);
  return handler;
}

test('the bytes are those of the document', () => {
  assert.deepEqual(encodeForeignHead(1, 'ab', 0x01020304), fromHex('0100026162' + '01020304'));
  assert.throws(() => encodeForeignHead(1, '', 0), { code: 'USAGE' });
  assert.throws(() => encodeForeignHead(1, 'x'.repeat(257), 0), { code: 'USAGE' });
});

test('requests in any cut of chunks; absence is nothing; a refused store is nothing', async () => {
  const shards = new MapShards();
  const handle = handlerOf(shards);
  const shard = seededRandom(1).bytes(1000);
  const storing = concatBytes(encodeForeignHead(3, 'hash', 7), shard);
  for (const size of [1, 2, 3, 7, 5000]) {
    shards.kept.clear();
    const chunks = Array.from({ length: Math.ceil(storing.length / size) }, (_, i) => storing.subarray(i * size, (i + 1) * size));
    const store = new ScriptedStream(chunks);
    await handle(store);
    assert.equal(Buffer.concat(store.written).toString(), 'OK');
    assert.deepEqual(shards.kept.get('hash/7'), shard);
    const fetch = new ScriptedStream([encodeForeignHead(1, 'hash', 7)]);
    await handle(fetch);
    assert.deepEqual(Buffer.concat(fetch.written), Buffer.from(shard));
  }
  assert.equal(shards.released, 5);
  const absent = new ScriptedStream([encodeForeignHead(1, 'hash', 8)]);
  await handle(absent);
  assert.deepEqual(absent.written, []);
  shards.takes = false;
  const refused = new ScriptedStream([storing]);
  await handle(refused);
  assert.deepEqual(refused.written, []);
});

test('key shares and unknown types are closed without a word; strangers and broken requests are reset', async () => {
  const shards = new MapShards();
  for (const type of [0, 2, 4, 5, 255]) {
    const stream = new ScriptedStream([Uint8Array.of(type, 0, 1, 65, 0, 0, 0, 0)]);
    await handlerOf(shards)(stream);
    assert.deepEqual(stream.written, []);
  }
  await assert.rejects(handlerOf(shards, false)(new ScriptedStream([encodeForeignHead(1, 'hash', 7)])), { code: 'NOT_A_MEMBER' });
  for (const bytes of ['', '01', '0100', '010000', '01ffff', '010101', '010004616263', '0100016100', '010001ff00000000']) {
    await assert.rejects(handlerOf(shards)(new ScriptedStream([fromHex(bytes)])), { code: 'PROTOCOL' }, bytes);
  }
  const long = [encodeForeignHead(3, 'hash', 1), ...Array.from({ length: 10 }, () => new Uint8Array(1024 * 1024))];
  await assert.rejects(handlerOf(shards)(new ScriptedStream(long)), { code: 'PROTOCOL' });
  assert.equal(shards.kept.size, 0);
});

test('a peer has a few requests at a time, and an ended one frees its place', async () => {
  const shards = new MapShards();
  const handle = handlerOf(shards);
  const gate = Promise.withResolvers<Body | undefined>();
  const stuck = (): HostStream => Object.assign(new ScriptedStream([]), { read: () => gate.promise });
  const under = Array.from({ length: foreignLimits.streamsPerPeer }, () => handle(stuck()));
  for (const each of under) each.catch(() => undefined);
  await assert.rejects(handle(stuck()), { code: 'PEER_BUSY' });
  gate.resolve(undefined);
  await Promise.allSettled(under);
  shards.kept.set('h/1', Uint8Array.of(1));
  const stream = new ScriptedStream([encodeForeignHead(1, 'h', 1)]);
  await handle(stream);
  assert.equal(stream.written.length, 1);
});

test('no bytes make the server fail in any way but its own', async () => {
  const shards = new MapShards();
  const handle = handlerOf(shards);
  const head = fc.tuple(fc.constantFrom(1, 3), fc.string({ minLength: 1, maxLength: 40 }), fc.nat()).map(([type, hash, index]) => encodeForeignHead(type, hash, index % 2 ** 32));
  const mutated = fc.tuple(head, fc.nat(), fc.nat({ max: 255 })).map(([bytes, at, value]) => {
    const copy = bytes.slice();
    copy[at % copy.length] = value;
    return copy;
  });
  await fc.assert(fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 400 }), head, mutated), fc.uint8Array({ maxLength: 100 }), async (first, second) => {
    try {
      await handle(new ScriptedStream([first, second]));
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'PROTOCOL');
    }
  }), { numRuns: 2000, seed: 77 });
});

for (const [name, make, skip] of [['js', makeJsHost, false], ['native', makeNativeHost, nativeMissing]] as const satisfies [string, MakeHost, string | false][]) {
  describe(`foreign shards between ${name} hosts`, { skip, timeout: 60_000 }, () => {
    const open: Host[] = [];
    after(() => Promise.all(open.map((host) => host.close())));

    test('stored, fetched, absent, refused, too long', async () => {
      const [a, b] = [await make(), await make()];
      open.push(a, b);
      const shards = new MapShards();
      serveForeign({ host: b, clock: systemClock, logger: silentLogger, shards, admits: () => true });
      await a.dial(b.multiaddrs()[0] ?? '');
      for (const bytes of [1, 70_000, 8_500_000]) {
        const shard = seededRandom(bytes).bytes(bytes);
        await storeForeign(a, b.peerId, 'f'.repeat(64), bytes, shard, call);
        assert.ok(Buffer.from(shard).equals((await fetchForeign(a, b.peerId, 'f'.repeat(64), bytes, call)) ?? new Uint8Array(0)));
      }
      assert.equal(await fetchForeign(a, b.peerId, 'f'.repeat(64), 4, call), undefined);
      shards.takes = false;
      await assert.rejects(storeForeign(a, b.peerId, 'x', 0, utf8('shard'), call), { code: 'PEER_REFUSED' });
      await assert.rejects(storeForeign(a, b.peerId, 'x', 0, new Uint8Array(foreignLimits.shardBytes + 1), call), { code: 'TOO_LARGE' });
    });

    test('a peer that gives without end, or that does not answer, is given up', async () => {
      const [a, b] = [await make(), await make()];
      open.push(a, b);
      let endless = true;
      b.handle(foreignProtocol, async (stream) => {
        while (endless) await stream.write(bodyFrom(new Uint8Array(500_000)));
        await stream.read();
        await new Promise((resolve) => { setTimeout(resolve, 3_000); });
      });
      await a.dial(b.multiaddrs()[0] ?? '');
      await assert.rejects(fetchForeign(a, b.peerId, 'hash', 0, call), { code: 'PROTOCOL' });
      endless = false;
      await assert.rejects(fetchForeign(a, b.peerId, 'hash', 0, { ...call, timeoutMs: 500 }), { code: 'TIMEOUT' });
    });
  });
}

test('a shard may come in any number of pieces', async () => {
  const count = 200_000;
  let given = 0;
  const stream: HostStream = Object.assign(new ScriptedStream([]), {
    read: async () => (given === count ? undefined : bodyFrom(Uint8Array.of(given++))),
  });
  const host = { openStream: async () => stream } as unknown as Host;
  const shard = await fetchForeign(host, stranger, 'x', 0, { clock: systemClock, timeoutMs: 30_000 });
  assert.equal(shard?.length, count);
  assert.ok(shard.every((byte, at) => byte === (at & 255)));
});

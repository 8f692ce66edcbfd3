import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { utf8 } from '../../src/std/std.ts';
import type { KeyValueStore, KvOperation } from '../../src/kv/kv.ts';
import { MemoryKv } from '../../src/kv/kv.ts';
import { openPeerRegistry } from '../../src/peers/peers.ts';
import { encodeStoredPeer, parseStoredPeer, type StoredPeer } from '../../src/peers/stored-peer.ts';
import { discardMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import { ManualClock } from './manual-clock.ts';
import { peerNumber } from './peer-number.ts';

const [ann, bob, cid] = [peerNumber(1), peerNumber(2), peerNumber(3)];
const facts = { label: 7, version: 'v1', quicAddresses: ['127.0.0.1:9'], multiaddrs: ['/ip4/127.0.0.1/tcp/9'], storing: true, freeBytes: 2 ** 36, failureDomain: '' };

function open(kv: KeyValueStore, clock = new ManualClock(), maxPeers = 100) {
  return openPeerRegistry({ kv, clock, maxPeers, metrics: discardMetrics, logger: silentLogger, localPeer: peerNumber(0) });
}

async function keysOf(kv: KeyValueStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of kv.entries('')) keys.push(key);
  return keys;
}

test('peers heard from outlive the process, rumours do not, and nobody is lost for the time between', { timeout: 10_000 }, async () => {
  const kv = new MemoryKv();
  const first = await open(kv);
  first.greeted(ann, facts);
  first.observeLatency(ann, 5);
  first.observeThreat(ann, 0.8, 'test');
  first.discovered(bob, { quicAddresses: ['10.0.0.1:1'] });
  await first.flush();
  assert.deepEqual(await keysOf(kv), [`peer/${ann}`]);

  const clock = new ManualClock();
  clock.wallMs += 30 * 60_000;
  const second = await open(kv, clock);
  const record = second.get(ann);
  assert.deepEqual([record?.label, record?.version, record?.quicAddresses, record?.multiaddrs], [7, 'v1', facts.quicAddresses, facts.multiaddrs]);
  assert.ok(Math.abs((record?.threatScore ?? 0) - 0.4) < 1e-9, 'half an hour halves the threat');
  assert.equal(record?.health, undefined);
  assert.equal(record?.connected, false);
  assert.equal(second.silentMs(ann), 0);
  assert.equal(second.isLive(ann), undefined);
  assert.deepEqual(second.placementPeers(), []);
  await clock.advance(91_000);
  assert.equal(second.silentMs(ann), 91_000);
  assert.equal(second.isLive(ann), false);
});

test('changes are written by themselves after a while, pings alone cause no writes', { timeout: 10_000 }, async () => {
  const kv = new MemoryKv();
  let writes = 0;
  const counting: KeyValueStore = Object.assign(Object.create(kv) as KeyValueStore, {
    entries: kv.entries.bind(kv),
    batch: (operations: readonly KvOperation[]) => {
      writes++;
      return kv.batch(operations);
    },
  });
  const clock = new ManualClock();
  const registry = await open(counting, clock);
  registry.greeted(ann, facts);
  await clock.advance(31_000);
  assert.equal(writes, 1);
  for (let at = 0; at < 50; at++) {
    registry.observeLatency(ann, 5);
    await clock.advance(5000);
  }
  assert.equal(writes, 1);
  await clock.advance(120_000);
  registry.observeLatency(ann, 5);
  await clock.advance(31_000);
  assert.equal(writes, 2);
  registry.forget(ann);
  await registry.flush();
  assert.deepEqual(await keysOf(kv), []);
});

test('a write that fails is made up for by the next', { timeout: 10_000 }, async () => {
  const kv = new MemoryKv();
  let broken = true;
  const failing: KeyValueStore = Object.assign(Object.create(kv) as KeyValueStore, {
    entries: kv.entries.bind(kv),
    batch: (operations: readonly KvOperation[]) => (broken ? Promise.reject(new Error('disk')) : kv.batch(operations)),
  });
  const registry = await open(failing);
  registry.greeted(ann, facts);
  registry.greeted(bob, facts);
  await assert.rejects(registry.flush(), /disk/);
  registry.forget(bob);
  broken = false;
  await registry.flush();
  assert.deepEqual(await keysOf(kv), [`peer/${ann}`]);
});

test('what does not parse, or is too much, is dropped from the disk', { timeout: 10_000 }, async () => {
  const kv = new MemoryKv();
  const writer = await open(kv);
  for (const peer of [ann, bob, cid]) writer.greeted(peer, facts);
  await writer.flush();
  await kv.put(`peer/${ann}`, utf8('{"v":9}'));
  await kv.put('peer/not-a-peer', utf8('x'));
  const reader = await open(kv, new ManualClock(), 1);
  assert.equal(reader.list().length, 1);
  assert.equal((await keysOf(kv)).length, 1);
});

test('stored peers come back as written; any other bytes are refused or bounded', () => {
  const texts = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 16 });
  const peers: fc.Arbitrary<StoredPeer> = fc.record({
    label: fc.option(fc.nat(), { nil: undefined }), version: fc.option(fc.string({ maxLength: 64 }), { nil: undefined }),
    quicAddresses: texts, multiaddrs: texts, lastSeenMs: fc.option(fc.nat(), { nil: undefined }),
    threatScore: fc.double({ min: 0, max: 1, noNaN: true }).map((score) => score + 0), threatAtMs: fc.nat(),
  });
  fc.assert(fc.property(peers, (peer) => assert.deepEqual(parseStoredPeer(encodeStoredPeer(peer)), { ...peer })), { seed: 10, numRuns: 200 });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.json().map((text) => utf8(text)), fc.object().map((any) => utf8(JSON.stringify({ ...any, v: 1, threatScore: 0, threatAtMs: 0 })))), (bytes) => {
      const parsed = parseStoredPeer(bytes);
      assert.ok(parsed === undefined || (parsed.quicAddresses.length <= 16 && parsed.multiaddrs.length <= 16));
    }),
    { seed: 11, numRuns: 500 },
  );
  assert.equal(parseStoredPeer(new Uint8Array(20_000)), undefined);
});

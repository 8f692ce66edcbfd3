import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerId } from '../../src/ids/ids.ts';
import { openPeerRegistry, type PeerRecord, type PeerRegistryOptions } from '../../src/peers/peers.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import { ManualClock } from './manual-clock.ts';
import { peerNumber } from './peer-number.ts';

const local = peerNumber(0);
const [ann, bob, cid] = [peerNumber(1), peerNumber(2), peerNumber(3)];
const gib = 2 ** 30;
const facts = { label: 7, version: 'v1', quicAddresses: ['127.0.0.1:9'], multiaddrs: ['/ip4/127.0.0.1/tcp/9'], storing: true, freeBytes: 64 * gib, failureDomain: 'rack' };

async function open(options: Partial<PeerRegistryOptions> = {}) {
  const clock = new ManualClock();
  const metrics = createMetrics({ defaults: false });
  const registry = await openPeerRegistry({ clock, metrics, logger: silentLogger, localPeer: local, ...options });
  return { clock, metrics, registry };
}

test('a peer known from hearsay has no health, no status of its own and gets no shards', async () => {
  const { registry, clock } = await open();
  registry.discovered(ann, { quicAddresses: ['10.0.0.1:1'] });
  const record = registry.get(ann);
  assert.equal(record?.health, undefined);
  assert.equal(record?.status, 'purgatory');
  assert.equal(record?.lastSeenMs, undefined);
  assert.equal(registry.silentMs(ann), Infinity);
  assert.equal(registry.isLive(ann), undefined);
  registry.observeLoss(ann);
  assert.equal(registry.get(ann)?.health, undefined);
  assert.equal(registry.silentMs(bob), Infinity);
  assert.equal(registry.isLive(bob), undefined);
  assert.deepEqual(registry.placementPeers(), []);
  await clock.advance(1);
});

test('a peer that fills up gets no more shards', async () => {
  const { registry } = await open();
  registry.greeted(ann, facts);
  registry.observeLatency(ann, 1);
  assert.equal(registry.placementPeers().length, 1);
  registry.room(ann, 1024);
  assert.deepEqual(registry.placementPeers(), []);
  registry.room(bob, gib);
  assert.equal(registry.get(bob), undefined);
});

test('measures, liveness and placement follow what was observed', async () => {
  const { registry, clock } = await open();
  registry.greeted(ann, facts);
  assert.equal(registry.get(ann)?.health, undefined);
  registry.observeLatency(ann, 100);
  assert.ok(Math.abs((registry.get(ann)?.health ?? 0) - (0.4 * 0.9 + 0.6)) < 1e-9);
  assert.equal(registry.isLive(ann), true);
  assert.deepEqual(registry.placementPeers().map(({ peer, failureDomain }) => ({ peer, failureDomain })), [{ peer: ann, failureDomain: 'rack' }]);
  await clock.advance(91_000);
  assert.equal(registry.isLive(ann), false);
  assert.equal(registry.silentMs(ann), 91_000);
  assert.equal(registry.placementPeers().length, 1);
  await clock.advance(300_000);
  assert.equal(registry.placementPeers().length, 0);
  registry.observeLatency(ann, 100);
  assert.equal(registry.isLive(ann), true);
  for (let at = 0; at < 3; at++) registry.observeLoss(ann);
  assert.equal(registry.isLive(ann), false);
  assert.equal(registry.placementPeers().length, 0);
});

test('a jump of the wall clock makes nobody silent', async () => {
  const { registry, clock } = await open();
  registry.observeLatency(ann, 5);
  clock.wallMs += 10 * 86_400_000;
  assert.equal(registry.silentMs(ann), 0);
  assert.equal(registry.isLive(ann), true);
});

test('peers that do not store, are full or misbehaved get no shards; threat decays', async () => {
  const { registry, clock } = await open();
  registry.greeted(ann, { ...facts, storing: false });
  registry.greeted(bob, { ...facts, freeBytes: 1024 });
  registry.greeted(cid, facts);
  registry.observeThreat(cid, 0.6, 'bytes that fail verification');
  assert.equal(registry.get(cid)?.status, 'purgatory');
  assert.deepEqual(registry.placementPeers(), []);
  registry.observeThreat(cid, 0.6, 'again');
  assert.equal(registry.get(cid)?.threatScore, 1);
  assert.equal(registry.get(cid)?.status, 'dead');
  assert.equal(registry.isLive(cid), false);
  await clock.advance(30 * 60_000);
  registry.observeLatency(cid, 1);
  assert.equal(registry.get(cid)?.threatScore, 0.5);
  assert.equal(registry.get(cid)?.status, 'active');
  assert.deepEqual(registry.placementPeers().map(({ peer }) => peer), [cid]);
});

test('the local node never becomes a peer', async () => {
  const { registry } = await open();
  registry.greeted(local, facts);
  registry.connected(local);
  registry.discovered(local, { multiaddrs: ['/ip4/127.0.0.1/tcp/1'] });
  registry.observeThreat(local, 1, 'x');
  assert.deepEqual(registry.list(), []);
});

test('hearsay never displaces what a peer said of itself, and is bounded', async () => {
  const { registry } = await open();
  registry.greeted(ann, { ...facts, quicAddresses: ['own:1'], version: 'v'.repeat(1000), failureDomain: '' });
  for (let at = 0; at < 100; at++) registry.discovered(ann, { quicAddresses: [`rumour:${at}`, 'x'.repeat(1000), ''] });
  const record = registry.get(ann);
  assert.equal(record?.quicAddresses[0], 'own:1');
  assert.equal(record?.quicAddresses[1], 'rumour:99');
  assert.equal(record?.quicAddresses.length, 17);
  assert.equal(record?.version?.length, 64);
  assert.equal(record?.failureDomain, ann);
  registry.greeted(bob, { ...facts, multiaddrs: Array.from({ length: 1000 }, (_, at) => `/a/${at}`) });
  assert.equal(registry.get(bob)?.multiaddrs.length, 16);
});

test('the number of peers is bounded: rumours go first and never push out the known', async () => {
  const { registry } = await open({ maxPeers: 3 });
  registry.observeLatency(ann, 1);
  registry.discovered(bob, {});
  registry.discovered(cid, {});
  registry.discovered(peerNumber(4), {});
  assert.deepEqual(registry.list().map(({ peer }) => peer), [ann, cid, peerNumber(4)]);
  registry.observeLatency(peerNumber(5), 1);
  registry.observeLatency(peerNumber(6), 1);
  assert.deepEqual(registry.list().map(({ peer }) => peer), [ann, peerNumber(5), peerNumber(6)]);
  registry.discovered(bob, {});
  assert.equal(registry.get(bob), undefined);
  for (const peer of [ann, peerNumber(5), peerNumber(6)]) registry.connected(peer);
  registry.observeLatency(bob, 1);
  assert.equal(registry.get(bob), undefined);
  registry.disconnected(peerNumber(5));
  registry.observeLatency(bob, 1);
  assert.deepEqual(registry.list().map(({ peer }) => peer), [ann, peerNumber(6), bob]);
});

test('listeners hear each change until they leave; forgotten peers are gone', async () => {
  const { registry } = await open();
  const heard: PeerRecord[] = [];
  const leave = registry.onChange((record) => heard.push(record));
  registry.connected(ann);
  registry.disconnected(ann);
  registry.disconnected(ann);
  assert.deepEqual(heard.map(({ connected }) => connected), [true, false]);
  leave();
  registry.connected(ann);
  assert.equal(heard.length, 2);
  registry.forget(ann);
  assert.equal(registry.get(ann), undefined);
  assert.equal(registry.isLive(ann), undefined);
});

test('pings and counts come out as metrics', async () => {
  const { registry, metrics } = await open();
  registry.connected(ann);
  registry.observeLatency(ann, 20);
  registry.observeLoss(ann);
  registry.observeLoss('nobody' as PeerId);
  const text = await metrics.text();
  assert.match(text, /pangea_peers_known 1\n/);
  assert.match(text, /pangea_peers_connected 1\n/);
  assert.match(text, /pangea_peers_ping_seconds_sum 0.02\n/);
  assert.match(text, /pangea_peers_ping_lost_total 1\n/);
});

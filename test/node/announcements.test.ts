/** Announcements over a DHT in memory and a topic that the test plays: what is said when, and what of others is believed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MemoryDhtNetwork, nodesTopic, parsePeerRecord, peerRecordRules, peerRecordType, signPeerRecord, type Dht } from '../../src/dht/dht.ts';
import { PangeaError } from '../../src/errors/errors.ts';
import type { HostEvents } from '../../src/host/host.ts';
import { identityOfSeed, type NodeIdentity } from '../../src/identity/identity.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { Announcements } from '../../src/node/announcements.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { ManualClock } from '../peers/manual-clock.ts';

const minute = 60_000;
const hour = 60 * minute;

class World {
  readonly clock = new ManualClock();
  readonly network = new MemoryDhtNetwork();
  /** Whether anybody else is on the topic. */
  audience = true;

  node(byte: number, label: number) {
    const identity = identityOfSeed(new Uint8Array(32).fill(byte));
    const about = { label, version: '1.0.0', multiaddrs: [`/ip4/127.0.0.1/tcp/${byte}`] as readonly string[] };
    const dht = this.network.dht(identity.peerId, about.multiaddrs, { rules: { [peerRecordType]: peerRecordRules }, clock: this.clock });
    const said: Uint8Array[] = [];
    const heard: [PeerId, readonly string[]][] = [];
    let connected = (): void => undefined;
    let onMessage: (from: PeerId, data: Uint8Array) => boolean = () => assert.fail('not subscribed');
    const announcements = new Announcements({
      identity, dht, clock: this.clock, logger: silentLogger,
      about: () => about,
      heard: (peer, multiaddrs) => void heard.push([peer, multiaddrs]),
      host: {
        on: (events: Partial<HostEvents>) => { connected = () => events.connected?.(identity.peerId, ''); },
        subscribe: (topic, handler) => {
          assert.equal(topic, nodesTopic);
          onMessage = handler;
          return () => { onMessage = () => assert.fail('unsubscribed'); };
        },
        publish: async (topic, data) => {
          assert.equal(topic, nodesTopic);
          if (!this.audience) throw new PangeaError('NOT_ENOUGH_PEERS', 'nobody else is on the topic');
          said.push(data);
        },
      },
    });
    announcements.start();
    return { identity, about, dht, said, heard, announcements, connect: () => connected(), receive: (from: PeerId, data: Uint8Array) => onMessage(from, data) };
  }
}

function recordOf(identity: NodeIdentity, nowMs: number, change: { sequence?: number; label?: number; lifeMs?: number } = {}): Uint8Array {
  return signPeerRecord(identity, {
    sequence: change.sequence ?? nowMs, expiresMs: nowMs + (change.lifeMs ?? hour), label: change.label ?? 9, version: 'x', multiaddrs: ['/ip4/127.0.0.1/tcp/9'],
  });
}

async function inDht(dht: Dht, peer: PeerId) {
  const value = await dht.getValue(peerRecordType, peer);
  return value && parsePeerRecord(value);
}

test('a node is found by PeerId and by label, also when two carry one', async () => {
  const world = new World();
  const [a, b, c] = [world.node(1, 7), world.node(2, 7), world.node(3, 8)];
  await world.clock.advance(10_000);
  assert.deepEqual((await c.announcements.lookUp(a.identity.peerId))?.multiaddrs, a.about.multiaddrs);
  const found = await c.announcements.lookUpLabel(7);
  assert.deepEqual(found.map(({ peer }) => peer).toSorted(), [a.identity.peerId, b.identity.peerId].toSorted());
  assert.deepEqual(await c.announcements.lookUpLabel(9), []);
  assert.equal(await c.announcements.lookUp(identityOfSeed(new Uint8Array(32).fill(99)).peerId), undefined);
  // Whoever provides a label's key without signing that label is left out.
  assert.deepEqual((await a.announcements.lookUpLabel(8)).map(({ peer }) => peer), [c.identity.peerId]);
});

test('it says so again when its addresses change, and before the record ends', async () => {
  const world = new World();
  const node = world.node(1, 7);
  await world.clock.advance(10_000);
  const first = await inDht(node.dht, node.identity.peerId);
  assert.equal(node.said.length, 1);
  node.about.multiaddrs = ['/ip4/127.0.0.1/tcp/4242'];
  await world.clock.advance(10_000);
  const second = await inDht(node.dht, node.identity.peerId);
  assert.deepEqual(second?.multiaddrs, node.about.multiaddrs);
  assert.ok((second?.sequence ?? 0) > (first?.sequence ?? 0));
  assert.equal(node.said.length, 2);
  await world.clock.advance(72 * hour);
  assert.ok(((await inDht(node.dht, node.identity.peerId))?.expiresMs ?? 0) > world.clock.nowMs() + hour);
});

test('after the clock was set back its record still replaces the old one', async () => {
  const world = new World();
  const before = world.node(1, 7);
  await world.clock.advance(10_000);
  before.announcements.stop();
  const old = await inDht(before.dht, before.identity.peerId);
  const other = world.node(2, 8);
  await world.clock.advance(1_000);
  world.clock.wallMs -= 5 * hour;
  const after = world.node(1, 77);
  // As a network would: the others kept the record while the node was away.
  await other.dht.putValue(peerRecordType, before.identity.peerId, recordOf(before.identity, world.clock.nowMs(), { sequence: (old?.sequence ?? 0) + 5 }));
  await world.clock.advance(30_000);
  assert.equal((await inDht(other.dht, after.identity.peerId))?.label, 77);
});

test('who is alone keeps quiet until somebody is there; newcomers hear it soon', async () => {
  const world = new World();
  world.audience = false;
  const node = world.node(1, 7);
  await world.clock.advance(minute);
  assert.equal(node.said.length, 0);
  world.audience = true;
  node.connect();
  await world.clock.advance(2_000);
  assert.equal(node.said.length, 1);
  for (let newcomer = 0; newcomer < 100; newcomer++) {
    node.connect();
    await world.clock.advance(1_000);
  }
  assert.ok(node.said.length >= 4 && node.said.length <= 8, `${node.said.length} times for a hundred newcomers`);
});

test('only an author\'s own valid word is passed on, and only news are heard', async () => {
  const world = new World();
  const node = world.node(1, 7);
  const author = identityOfSeed(new Uint8Array(32).fill(50));
  const nowMs = world.clock.nowMs();
  const newer = recordOf(author, nowMs, { sequence: 20 });
  assert.equal(node.receive(author.peerId, newer), true);
  assert.deepEqual(node.heard, [[author.peerId, ['/ip4/127.0.0.1/tcp/9']]]);
  for (const sequence of [20, 19]) assert.equal(node.receive(author.peerId, recordOf(author, nowMs, { sequence })), true);
  assert.equal(node.heard.length, 1, 'a replayed record is no news');
  assert.equal(node.receive(node.identity.peerId, newer), false, 'in another name');
  assert.equal(node.receive(author.peerId, newer.subarray(1)), false);
  assert.equal(node.receive(author.peerId, recordOf(author, nowMs, { sequence: 30, lifeMs: -1 })), false);
  assert.equal(node.heard.length, 1);
});

test('of an author that talks without end a few words are looked at, some passed on, and the rest refused', async () => {
  const world = new World();
  const node = world.node(1, 7);
  const author = identityOfSeed(new Uint8Array(32).fill(50));
  const verdicts = Array.from({ length: 60 }, (_, sequence) => node.receive(author.peerId, recordOf(author, world.clock.nowMs(), { sequence })));
  assert.equal(node.heard.length, 8);
  assert.deepEqual([verdicts.filter(Boolean).length, verdicts.lastIndexOf(true)], [40, 39]);
  await world.clock.advance(hour);
  assert.equal(node.receive(author.peerId, recordOf(author, world.clock.nowMs(), { sequence: 100 })), true);
  assert.equal(node.heard.length, 9);
});

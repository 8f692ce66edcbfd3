import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeEvent, PeerView } from '../../src/api/api.ts';
import { createFirewall } from '../../src/firewall/firewall.ts';
import type { Host, HostEvents } from '../../src/host/host.ts';
import { identityOfSeed } from '../../src/identity/identity.ts';
import { Events, eventLimits } from '../../src/node/events.ts';
import { watchSources } from '../../src/node/events-sources.ts';
import type { Objects, ObjectsEvents } from '../../src/objects/objects.ts';
import { openPeerRegistry } from '../../src/peers/peers.ts';
import { discardMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import { ManualClock } from '../peers/manual-clock.ts';

const peerId = (seed: number) => identityOfSeed(new Uint8Array(32).fill(seed)).peerId;
const removed = (root: string) => ({ kind: 'object', change: 'removed', root, name: '', bytes: 0 }) as const;

test('only wanted kinds are handed on, later than they happen, and none after the end', async () => {
  const clock = new ManualClock();
  const events = new Events({ clock, logger: silentLogger, metrics: discardMetrics });
  const heard: NodeEvent[] = [];
  const stop = events.subscribe(['object'], (event) => heard.push(event));
  events.emit(removed('a'));
  events.emit({ kind: 'repair', change: 'paused', root: '', shards: 0 });
  assert.equal(heard.length, 0);
  await clock.advance(1);
  assert.deepEqual(heard.map((event) => event.kind === 'object' && event.root), ['a']);
  stop();
  events.emit(removed('b'));
  await clock.advance(1);
  assert.equal(heard.length, 1);
  assert.equal(events.wanted('object'), false);
});

test('a listener that fails is dropped and the others hear on', async () => {
  const clock = new ManualClock();
  const events = new Events({ clock, logger: silentLogger, metrics: discardMetrics });
  let calls = 0;
  const heard: string[] = [];
  events.subscribe(['object'], () => { calls++; throw new Error('no'); });
  events.subscribe(['object'], (event) => { if (event.kind === 'object') heard.push(event.root); });
  events.emit(removed('a'));
  events.emit(removed('b'));
  await clock.advance(1);
  assert.deepEqual([calls, heard], [1, ['a', 'b']]);
});

test('a burst is bounded and what is dropped is counted', async () => {
  const clock = new ManualClock();
  let dropped = 0;
  const metrics = { ...discardMetrics, counter: () => ({ add: (amount = 1) => { dropped += amount; } }) };
  const events = new Events({ clock, logger: silentLogger, metrics });
  let heard = 0;
  events.subscribe(['object'], () => { heard++; });
  for (let i = 0; i < eventLimits.queued + 10; i++) events.emit(removed(String(i)));
  await clock.advance(1);
  assert.deepEqual([heard, dropped], [eventLimits.queued, 10]);
});

test('the sources: peers, their changes once a second, floods of denials as one event, rules, objects', async () => {
  const clock = new ManualClock();
  const events = new Events({ clock, logger: silentLogger, metrics: discardMetrics });
  const peers = await openPeerRegistry({ clock, logger: silentLogger, metrics: discardMetrics, localPeer: peerId(1) });
  const firewall = createFirewall();
  let objectEvents: Partial<ObjectsEvents> = {};
  let hostEvents: Partial<HostEvents> = {};
  let quicDenied = 0;
  const stop = watchSources({
    events, peers, clock, firewalls: [firewall], counted: () => ({ quic: quicDenied }),
    host: { on: (given: Partial<HostEvents>) => { hostEvents = given; } } as unknown as Host,
    objects: { on: (given: Partial<ObjectsEvents>) => { objectEvents = given; } } as unknown as Objects,
    view: (record): PeerView => ({ ...record, ambiguousLabel: false, path: undefined }),
  });
  const heard: NodeEvent[] = [];
  events.subscribe(['peer', 'object', 'firewall', 'repair'], (event) => heard.push(event));
  const take = async (ms: number): Promise<string[]> => {
    await clock.advance(ms);
    return heard.splice(0).map((event) =>
      event.kind === 'firewall' ? `${event.change} ${event.listener} ${event.address} ${event.count}` : event.kind === 'message' ? event.kind : `${event.kind} ${event.change}`);
  };

  peers.connected(peerId(2));
  assert.deepEqual(await take(1), ['peer found', 'peer connected']);
  for (let i = 0; i < 50; i++) peers.observeLatency(peerId(2), i);
  hostEvents.path?.(peerId(2), 'punched', '');
  assert.deepEqual(await take(2_000), ['peer changed']);
  peers.disconnected(peerId(2));
  peers.discovered(peerId(3), { multiaddrs: ['/ip4/192.0.2.1/tcp/1'] });
  assert.deepEqual(await take(1), ['peer disconnected', 'peer found']);

  for (let i = 0; i < 10_000; i++) firewall.admit('http', '192.0.2.7');
  firewall.record('libp2p', 'deny', 3, '192.0.2.1');
  firewall.record('libp2p', 'deny', 1, '192.0.2.2');
  quicDenied = 5;
  assert.deepEqual(await take(1_100), ['denied http 192.0.2.7 10000', 'denied libp2p  4', 'denied quic  5']);
  assert.deepEqual(await take(5_000), []);
  firewall.setAllow(['10.0.0.0/8', '::1']);
  assert.deepEqual(await take(1), ['rules   2']);

  objectEvents.repairRound?.({ objectsChecked: 1, shardsRestored: 2, objectsBelowTarget: 0, objectsUnreadable: 0 });
  objectEvents.removed?.({ root: 'r', name: 'n', bytes: 1 });
  objectEvents.repairPaused?.(true);
  assert.deepEqual(await take(1), ['repair roundEnded', 'object removed', 'repair paused']);
  stop();
  firewall.admit('http', '192.0.2.7');
  peers.observeLatency(peerId(2), 1);
  assert.deepEqual(await take(5_000), []);
});

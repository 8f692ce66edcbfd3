import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/std/std.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { openPeerRegistry, startPinger } from '../../src/peers/peers.ts';
import { discardMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import { ManualClock } from './manual-clock.ts';
import { peerNumber } from './peer-number.ts';

const intervalMs = 5000;

async function world(ping: (peer: PeerId) => Promise<number>, concurrency = 16) {
  const clock = new ManualClock();
  const registry = await openPeerRegistry({ clock, metrics: discardMetrics, logger: silentLogger, localPeer: peerNumber(0) });
  const calls = new Map<PeerId, number>();
  const start = () => startPinger({
    registry, clock, random: seededRandom(1), intervalMs, concurrency,
    ping: (peer) => {
      calls.set(peer, (calls.get(peer) ?? 0) + 1);
      return ping(peer);
    },
  });
  return { clock, registry, start, calls };
}

test('a connected peer is pinged each round and its health becomes known', { timeout: 10_000 }, async () => {
  const peer = peerNumber(1);
  const { clock, registry, start, calls } = await world(async () => 12);
  registry.connected(peer);
  const pinger = start();
  await clock.advance(20 * intervalMs);
  const count = calls.get(peer) ?? 0;
  assert.ok(count >= 17 && count <= 25, `${count} pings in 20 intervals`);
  assert.equal(registry.get(peer)?.latencyMs, 12);
  assert.ok((registry.get(peer)?.health ?? 0) > 0.9);
  await pinger.stop();
  await clock.advance(20 * intervalMs);
  assert.equal(calls.get(peer), count);
  await pinger.stop();
});

test('peers that do not answer, and dead ones, are probed rarely, and found when they return', { timeout: 10_000 }, async () => {
  const [gone, bad] = [peerNumber(1), peerNumber(2)];
  let there = false;
  const { clock, registry, start, calls } = await world(async (peer) => {
    if (peer === gone && !there) throw new Error('no answer');
    return 1;
  });
  registry.greeted(gone, { label: 1, version: '', quicAddresses: [], multiaddrs: [], storing: true, freeBytes: 2 ** 36, failureDomain: '' });
  registry.connected(bad);
  registry.observeThreat(bad, 1, 'test');
  const pinger = start();
  await clock.advance(3 * intervalMs);
  assert.ok((registry.get(gone)?.packetLoss ?? 0) > 0);
  await clock.advance(97 * intervalMs);
  const [goneCalls, badCalls] = [calls.get(gone) ?? 0, calls.get(bad) ?? 0];
  assert.ok(goneCalls >= 5 && goneCalls <= 12, `${goneCalls} tries of a silent peer`);
  assert.ok(badCalls >= 1 && badCalls <= 2, `${badCalls} tries of a dead peer`);
  assert.equal(registry.isLive(gone), false);
  there = true;
  await clock.advance(70 * intervalMs);
  assert.equal(registry.isLive(gone), true);
  await pinger.stop();
});

test('at most so many pings are under way, a slow peer has one, and others do not wait for it', { timeout: 10_000 }, async () => {
  let now = 0;
  let most = 0;
  const answers: (() => void)[] = [];
  const slow = peerNumber(1);
  const { clock, registry, start, calls } = await world((peer) => {
    most = Math.max(most, ++now);
    return new Promise((resolve) => {
      const answer = (): void => {
        now--;
        resolve(1);
      };
      if (peer === slow) answers.push(answer);
      else setImmediate(answer);
    });
  }, 4);
  for (let at = 1; at <= 40; at++) registry.connected(peerNumber(at));
  const pinger = start();
  for (let round = 0; round < 100; round++) await clock.advance(intervalMs);
  assert.equal(most, 4);
  assert.equal(calls.get(slow), 1);
  assert.ok((calls.get(peerNumber(40)) ?? 0) > 10);
  const stopped = pinger.stop();
  answers[0]?.();
  await stopped;
  assert.equal(registry.get(slow)?.latencyMs, undefined);
});

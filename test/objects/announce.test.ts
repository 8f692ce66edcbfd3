/** Announcements that fail for a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dht } from '../../src/dht/dht.ts';
import { PangeaError } from '../../src/errors/errors.ts';
import { digestOf } from '../../src/ids/ids.ts';
import { Announcer } from '../../src/objects/holder/announce.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { ManualClock } from '../peers/manual-clock.ts';
import { noise } from './world.ts';

test('what could not be announced is tried again, unless it was deleted meanwhile', async () => {
  const clock = new ManualClock();
  const [kept, deleted] = [noise(32, 1), noise(32, 2)];
  const announced: string[] = [];
  let reachable = false;
  const dht = {
    provide: async (key: Uint8Array) => {
      if (!reachable) throw new PangeaError('PEER_UNREACHABLE', 'no peers');
      announced.push(digestOf(key));
    },
    unprovide: async () => undefined,
  } as Partial<Dht> as Dht;
  const announcer = new Announcer({ dht, clock, logger: silentLogger, announceKey: (root) => root });
  announcer.start();
  for (const root of [kept, deleted]) announcer.add(digestOf(root));
  await clock.advance(1000);
  announcer.withdraw(digestOf(deleted));
  reachable = true;
  await clock.advance(2 * 60_000);
  assert.deepEqual(announced, [digestOf(kept)]);
  announcer.stop();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Compaction } from '../../src/node/compaction.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { ManualClock } from '../peers/manual-clock.ts';

const usage = (garbageBytes: number) => ({ liveBytes: 1, garbageBytes, records: 1, volumes: 1, freeBytes: 1 });

test('compaction runs while there is garbage, goes on after a failure, and stops', async () => {
  const clock = new ManualClock();
  let garbage = 0;
  let calls = 0;
  const store = {
    usage: () => {
      if (garbage < 0) throw new Error('the disk is gone');
      return usage(garbage);
    },
    compact: async () => {
      calls++;
      if (calls === 1) throw new Error('disk');
      return garbage;
    },
  };
  const compaction = new Compaction({ store, clock, logger: silentLogger });
  compaction.start();
  await clock.advance(10 * 60_000);
  assert.equal(calls, 0, 'nothing to reclaim');
  garbage = 100;
  await clock.advance(10 * 60_000);
  await clock.advance(10 * 60_000);
  assert.equal(calls, 2, 'a failed round is followed by another');
  garbage = -1;
  await clock.advance(10 * 60_000);
  garbage = 100;
  await clock.advance(10 * 60_000);
  assert.equal(calls, 3, 'also one that could not even ask');
  await compaction.stop();
  await clock.advance(60 * 60_000);
  assert.equal(calls, 3);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadlines } from '../../../src/graph/peer/deadlines.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { VirtualClock } from '../../sim/clock.ts';

test('each wait ends once, in its time, unless it was called off, with one timer for all of a length', async () => {
  const clock = new VirtualClock();
  const random = seededRandom(2);
  const deadlines = new Deadlines(clock);
  const ended = new Map<number, number>();
  const began: number[] = [];
  const calledOff = new Set<number>();
  for (let at = 0; at < 5_000; at++) {
    const ms = at % 2 === 0 ? 640 : 64;
    began[at] = clock.monotonicMs();
    const off = deadlines.after(ms, () => {
      assert.equal(ended.has(at), false);
      ended.set(at, clock.monotonicMs());
    });
    if (random.integer(3) > 0) {
      off();
      off();
      calledOff.add(at);
    }
    if (at % 100 === 0) {
      await clock.run(random.integer(30));
      assert.ok(clock.pending <= 2, `${clock.pending} timers`);
    }
  }
  await clock.run(2_000);
  for (let at = 0; at < 5_000; at++) {
    const ms = at % 2 === 0 ? 640 : 64;
    const tookMs = (ended.get(at) ?? Number.NaN) - (began[at] as number);
    if (calledOff.has(at)) assert.equal(ended.has(at), false);
    else assert.ok(tookMs >= ms && tookMs <= ms * (1 + 1 / 32), `${tookMs} of ${ms}`);
  }
  assert.equal(clock.pending, 0);
  deadlines.after(10, () => assert.fail('closed'));
  deadlines.close();
  deadlines.after(10, () => assert.fail('closed'));
  await clock.run(100);
});

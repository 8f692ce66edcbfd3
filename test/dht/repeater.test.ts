import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Repeater, repeatLimits } from '../../src/dht/repeater.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import type { Clock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';

class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ at: number; run: () => void }>();

  nowMs = (): number => this.#nowMs;
  monotonicMs = (): number => this.#nowMs;
  sleep = (ms: number): Promise<void> => new Promise((resolve) => void this.after(ms, resolve));
  after = (ms: number, run: () => void): { cancel: () => void } => {
    const timer = { at: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  };

  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (;;) {
      await new Promise(setImmediate);
      const next = [...this.#timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#nowMs = Math.max(this.#nowMs, next.at);
      this.#timers.delete(next);
      next.run();
    }
    this.#nowMs = end;
  }
}

function setUp(table = 100): { clock: ManualClock; repeater: Repeater; size: { table: number } } {
  const clock = new ManualClock();
  const size = { table };
  return { clock, size, repeater: new Repeater({ clock, logger: silentLogger, tableSize: () => size.table }) };
}

test('runs once at once, then again when its time has come, until it is stopped', async () => {
  const { clock, repeater } = setUp();
  let runs = 0;
  await repeater.start('a', 3_600_000, async () => void runs++);
  assert.equal(runs, 1);
  await clock.advance(3_500_000);
  assert.equal(runs, 1);
  await clock.advance(200_000);
  assert.equal(runs, 2);
  repeater.stop('a');
  await clock.advance(10_000_000);
  assert.equal(runs, 2);
  repeater.close();
});

test('a first run that fails rejects and is forgotten; a later one is tried again', async () => {
  const { clock, repeater } = setUp();
  await assert.rejects(repeater.start('a', 1_000, () => Promise.reject(new Error('no'))), /no/);
  assert.equal(repeater.size, 0);
  let runs = 0;
  const first = repeater.start('b', 1_000, () => (runs++ === 1 ? Promise.reject(new Error('later')) : Promise.resolve()));
  await clock.advance(repeatLimits.paceMs);
  await first;
  await clock.advance(3 * repeatLimits.sweepMs);
  assert.equal(runs, 4);
  repeater.close();
});

test('starts are paced and few run at one time', async () => {
  const { clock, repeater } = setUp();
  let running = 0;
  let most = 0;
  const all = Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      repeater.start(`${index}`, 1e9, async () => {
        most = Math.max(most, ++running);
        await clock.sleep(1_000);
        running--;
      }),
    ),
  );
  await clock.advance(5_000);
  assert.ok(most <= repeatLimits.parallel, `${most} at one time`);
  await clock.advance(20_000);
  await all;
  repeater.close();
});

test('what comes at once starts at once, what is more keeps the pace', async () => {
  const { clock, repeater } = setUp();
  const count = repeatLimits.ahead + 100;
  let runs = 0;
  const all = Promise.all(Array.from({ length: count }, (_, index) => repeater.start(`${index}`, 1e9, async () => void runs++)));
  await clock.advance(0);
  assert.ok(runs >= repeatLimits.ahead && runs <= repeatLimits.ahead + 1, `${runs} at once`);
  await clock.advance(50 * repeatLimits.paceMs);
  assert.ok(runs <= repeatLimits.ahead + 51, `${runs} after a second`);
  await clock.advance(50 * repeatLimits.paceMs);
  await all;
  repeater.close();
});

test('announces again when a small table has doubled, not when a large one grows', async () => {
  const { clock, repeater, size } = setUp(0);
  let runs = 0;
  await repeater.start('a', 1e9, async () => void runs++);
  repeater.grown();
  await clock.advance(repeatLimits.settleMs);
  assert.equal(runs, 1, 'nobody new');
  for (const [table, expected] of [[1, 2], [1, 2], [2, 3], [3, 3], [20, 4], [500, 4]] as const) {
    size.table = table;
    repeater.grown();
    await clock.advance(repeatLimits.settleMs);
    assert.equal(runs, expected, `table of ${table}`);
  }
  repeater.close();
});

test('close rejects what has not begun', async () => {
  const { repeater } = setUp();
  const never = Array.from({ length: 20 }, (_, index) => repeater.start(`${index}`, 1, () => new Promise(() => undefined)));
  for (const waiting of never) waiting.catch(() => undefined);
  const waiting = assert.rejects(never[19] as Promise<void>, (error) => isPangeaError(error, 'NODE_STOPPING'));
  repeater.close();
  await waiting;
  await assert.rejects(repeater.start('x', 1, async () => undefined), (error) => isPangeaError(error, 'NODE_STOPPING'));
});

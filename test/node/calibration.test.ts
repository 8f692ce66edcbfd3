import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { calibrationBudgetMs, calibrationFile, openCalibrator, stagesBudgetMs, type CalibrationOptions, type Measurable } from '../../src/node/calibration.ts';
import type { Clock } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';

/** Time that passes only when a candidate is measured. */
class StillClock implements Clock {
  #ms = 1000;
  nowMs = (): number => 1_700_000_000_000 + this.#ms;
  monotonicMs = (): number => this.#ms;
  sleep: Clock['sleep'] = () => new Promise(() => undefined);
  after = (): { cancel(): void } => ({ cancel: () => undefined });
  pass(ms: number): void {
    this.#ms += ms;
  }
}

const candidate = (clock: StillClock, name: string, ms: number, rates: readonly number[], order: string[] = []): Measurable => {
  let round = 0;
  return {
    name,
    async measure() {
      order.push(name);
      clock.pass(ms);
      return rates[round++ % rates.length] as number;
    },
  };
};

describe('calibration', { timeout: 30_000 }, () => {
  let directory = '';
  before(async () => { directory = await mkdtemp(join(tmpdir(), 'pangea-calibration-')); });
  after(() => rm(directory, { recursive: true, force: true }));
  const options = (clock: Clock, more: Partial<CalibrationOptions> = {}): CalibrationOptions =>
    ({ file: undefined, key: 'this machine', mode: 'cached', keep: true, clock, logger: silentLogger, ...more });

  test('rounds are interleaved, and the best of each counts', async () => {
    const clock = new StillClock();
    const order: string[] = [];
    const calibrator = await openCalibrator(options(clock));
    const rates = await calibrator.rates([candidate(clock, 'a', 2, [5, 9, 7, 6], order), candidate(clock, 'b', 2, [8, 1, 1, 1], order)], stagesBudgetMs);
    assert.deepEqual([...rates], [['a', 9], ['b', 8]]);
    assert.deepEqual(order, ['a', 'b', 'a', 'b', 'a', 'b']);
    const report = await calibrator.finish();
    assert.deepEqual([report.source, report.tookMs, report.madeMs, report.machine], ['fresh', 12, clock.nowMs(), 'this machine']);
  });

  test('a slow machine gets fewer rounds, and the budget holds over both parts', async () => {
    const clock = new StillClock();
    const order: string[] = [];
    const calibrator = await openCalibrator(options(clock));
    const slow = ['a', 'b', 'c'].map((name) => candidate(clock, name, 50, [1], order));
    await calibrator.rates(slow, stagesBudgetMs);
    assert.deepEqual(order, ['a', 'b', 'c']);
    const rates = await calibrator.rates([candidate(clock, 'x', 50, [1], order), candidate(clock, 'y', 50, [1], order), candidate(clock, 'z', 50, [1], order)], calibrationBudgetMs);
    assert.deepEqual([...rates.keys()], ['x', 'y']);
    const report = await calibrator.finish();
    assert.match(report.detail, /not kept, because there was no time for z/);
  });

  test('a candidate that hangs costs the rest of the budget and no more; one that fails is told', async () => {
    const warnings: unknown[] = [];
    const clock = new StillClock();
    // Longer than anything that settles by itself, and over when nothing else happens.
    clock.sleep = (ms = 0, signal?: AbortSignal) => new Promise((resolve) => setImmediate(() => {
      if (signal?.aborted !== true) clock.pass(ms);
      resolve();
    }));
    const calibrator = await openCalibrator(options(clock, { logger: { ...silentLogger, warn: (fields) => void warnings.push(fields['candidate']) } }));
    const failing: Measurable = { name: 'failing', measure: async () => { throw new Error('no'); } };
    const hanging: Measurable = { name: 'hanging', measure: () => new Promise(() => undefined) };
    const rates = await calibrator.rates([failing, { name: 'good', measure: async () => 3 }, hanging], 40);
    assert.deepEqual([...rates], [['good', 3]]);
    assert.equal(clock.monotonicMs(), 1040);
    assert.deepEqual(warnings, ['failing']);
  });

  test('rates are kept for the same key, and measured again for another, for a new candidate, and on demand', async () => {
    const file = join(directory, 'kept', 'calibration.json');
    const clock = new StillClock();
    const ask = async (more: Partial<CalibrationOptions>, names = ['a', 'b']): Promise<[string, number, string]> => {
      const order: string[] = [];
      const calibrator = await openCalibrator(options(clock, { file, ...more }));
      await calibrator.rates(names.map((name) => candidate(clock, name, 2, [5], order)), stagesBudgetMs);
      const report = await calibrator.finish();
      return [report.source, order.length, report.detail];
    };
    assert.deepEqual(await ask({ mode: 'never' }), ['none', 0, 'nothing was measured']);
    assert.deepEqual(await ask({}), ['fresh', 6, file]);
    assert.deepEqual(await ask({}), ['cached', 0, file]);
    assert.deepEqual(await ask({ mode: 'never' }), ['cached', 0, file]);
    assert.deepEqual(await ask({ key: 'another processor' }), ['fresh', 6, file]);
    assert.deepEqual(await ask({}), ['cached', 0, file], 'the other machine did not take its place');
    assert.deepEqual(await ask({}, ['a']), ['cached', 0, file], 'fewer candidates are known as well');
    assert.deepEqual(await ask({ keep: false }, ['a', 'b', 'new']), ['fresh', 9, 'not kept, because paths are forced or hidden']);
    assert.deepEqual(await ask({}, ['a', 'b', 'new']), ['fresh', 9, file]);
    const forced = await openCalibrator(options(clock, { file, keep: false }));
    assert.deepEqual([...(await forced.rates([candidate(clock, 'a', 2, [3])], stagesBudgetMs, false))], [['a', 3]], 'kept ones do not stand for other engines');
    clock.pass(60_000);
    assert.deepEqual(await ask({ mode: 'fresh' }), ['fresh', 6, file]);
    assert.deepEqual(await readdir(join(directory, 'kept')), ['calibration.json'], 'no temporary file is left');

    const madeMs = clock.nowMs();
    clock.pass(5000);
    assert.equal((await (await openCalibrator(options(clock, { file }))).finish()).madeMs, madeMs);
  });

  test('a cache that cannot be read or written is told, and stops nothing', async () => {
    const clock = new StillClock();
    const file = join(directory, 'broken.json');
    await writeFile(file, '{"version":1,"entries":[{"key":"this machine"');
    const first = await openCalibrator(options(clock, { file }));
    assert.equal((await first.rates([candidate(clock, 'a', 2, [5])], stagesBudgetMs)).get('a'), 5);
    assert.equal((await first.finish()).detail, file);
    assert.match(await readFile(file, 'utf8'), /"a": ?5/);
    const below = await openCalibrator(options(clock, { file: join(file, 'calibration.json') }));
    await below.rates([candidate(clock, 'a', 2, [5])], stagesBudgetMs);
    const report = await below.finish();
    assert.equal(report.source, 'fresh');
    assert.match(report.detail, /^not kept: .*(ENOTDIR|EEXIST)/);
  });

  test('a pipe in the place of the cache holds no start', { skip: process.platform === 'win32' && 'no pipes in folders' }, async () => {
    const file = join(directory, 'pipe.json');
    execFileSync('mkfifo', [file]);
    // Who waits for a writer finds that it has come.
    const writer = spawn('sh', ['-c', 'sleep 5; : > "$0.came"; : > "$0"', file], { stdio: 'ignore' });
    const calibrator = await openCalibrator(options(new StillClock(), { file, mode: 'never' }));
    writer.kill();
    assert.equal(existsSync(`${file}.came`), false);
    assert.equal((await calibrator.finish()).source, 'none');
  });

  test('the cache lies where the user\'s caches are', () => {
    assert.equal(calibrationFile({ XDG_CACHE_HOME: join('/', 'caches') }), join('/', 'caches', 'pangea-node', 'calibration.json'));
    assert.equal(calibrationFile({ XDG_CACHE_HOME: 'relative' }), calibrationFile({}));
    if (process.platform === 'linux') assert.match(calibrationFile({}) ?? '', /\/\.cache\/pangea-node\/calibration\.json$/);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fullSizes, keyOf, type Cell } from '../../bench/ces/cells.ts';
import { cellsOfRatios, goals, ratiosFrom } from '../../bench/ces/goals.ts';
import { inSequence, perRound, ratioOf } from '../../bench/ces/ratios.ts';
import { quartiles } from '../../bench/record.ts';

const bench = { sizes: fullSizes, cores: 2, judged: true };

test('a ratio is taken round by round, and only where both sides have a figure', () => {
  assert.deepEqual(perRound([10, 20, null, 40], [5, 5, 5, null]), [2, 4]);
  assert.deepEqual(perRound([10, 20], [5]), [2]);
});

test('drift that hits both sides alike does not move a ratio', () => {
  const drift = [1, 0.4, 2, 0.7, 1.3];
  const ratio = ratioOf([{ what: 'x', ours: drift.map((by) => 30 * by), rival: drift.map((by) => 20 * by) }], 1.5, '');
  assert.ok('value' in ratio);
  assert.ok(Math.abs(ratio.value - 1.5) < 1e-12 && Math.abs(ratio.high - ratio.low) < 1e-12, JSON.stringify(ratio));
});

test('the value is the median of the pair that is worst for us, with its own quartiles', () => {
  const ratio = ratioOf([
    { what: 'small', ours: [4, 5, 6], rival: [2, 2, 2] },
    { what: 'large', ours: [3, 4, 1], rival: [2, 2, 2] },
  ], 1.4, 'how');
  assert.deepEqual(ratio, {
    value: 1.5, low: 1, high: 1.75, goal: 1.4, met: true, how: 'how',
    pairs: [{ what: 'small', value: 2.5, low: 2.25, high: 2.75 }, { what: 'large', value: 1.5, low: 1, high: 1.75 }],
  });
  assert.equal((ratioOf([{ what: '', ours: [1], rival: [1] }], 1.01, '') as { met: boolean }).met, false);
  assert.equal((ratioOf([{ what: '', ours: [1], rival: [1] }], null, '') as { met: null }).met, null);
});

test('whatever is missing on either side is named, and nothing is made up for it', () => {
  assert.deepEqual(ratioOf([
    { what: 'small', ours: [1], rival: [1] },
    { what: 'large', ours: { missing: 'native: no addon' }, rival: { missing: 'klauspost: Go is not installed' } },
  ], 1, 'how'), { missing: 'klauspost: Go is not installed; native: no addon', goal: 1, how: 'how' });
  assert.match((ratioOf([{ what: 'x', ours: [null], rival: [1] }], 1, '') as { missing: string }).missing, /no round/);
});

test('times of stages add up, weighted by the bytes that each touches', () => {
  assert.deepEqual(inSequence([{ rates: [2, 4], weight: 1 }, { rates: [2, 8], weight: 2 }]), [1 / 1.5, 1 / 0.5]);
  assert.deepEqual(inSequence([{ rates: [2, null], weight: 1 }, { rates: [2, 8], weight: 1 }]), [1, null]);
  assert.deepEqual(inSequence([{ rates: [2], weight: 1 }, { rates: { missing: 'no seal' }, weight: 1 }]), { missing: 'no seal' });
  fc.assert(fc.property(fc.array(fc.record({ rate: fc.double({ min: 1, max: 1e11, noNaN: true }), weight: fc.double({ min: 1, max: 4, noNaN: true }) }), { minLength: 1 }), (stages) => {
    const [sum] = inSequence(stages.map(({ rate, weight }) => ({ rates: [rate], weight }))) as number[];
    assert.ok((sum as number) <= Math.min(...stages.map(({ rate }) => rate)) * (1 + 1e-9), 'a sequence is faster than its slowest stage');
  }), { seed: 7 });
});

test('quartiles lie where they should', () => {
  assert.deepEqual(quartiles([5, 1, 3, 2, 4]), { min: 1, q1: 2, median: 3, q3: 4, max: 5 });
  assert.deepEqual(quartiles([1, 2]), { min: 1, q1: 1.25, median: 1.5, q3: 1.75, max: 2 });
  assert.deepEqual(quartiles([3]), { min: 3, q1: 3, median: 3, q3: 3, max: 3 });
});

test('every ratio that is promised is told, with the goal it has', () => {
  const wanted = {
    rsEncodeVsKlauspost: 1.1, rsDecodeVsKlauspost: 1, rsEncodeVsIsal: 3, rsDecodeVsIsal: 2.5, rsEncodeVsIsalGfni: 1.4, rsAvx2VsIsalAvx2: 1,
    rsWasmVsAvx2: 0.3, sealVsAwsLc: 1.25, pipelineVsStageSum: 0.85, pipelineVsSeedStack: 3, textVsSeedStack: 1.3, textVsZstd: 0.9,
    pipelineVsNpmStack: 8, twoCores: 1.9, addonVsRust: 0.95,
  };
  assert.deepEqual(Object.fromEntries(Object.entries(goals).map(([name, { goal }]) => [name, goal])), wanted);
});

/** Rates as if every subject did its work at a rate of its own. */
function ratesBy(rate: (cell: Cell) => number) {
  return ratiosFrom((_ratio, cell) => [rate(cell), rate(cell)], bench);
}

test('ratios put ours above and the rival below, at the sizes that are promised', () => {
  const ratios = ratesBy(({ subject, threads, calls = 1, op }) => (subject === 'native' ? (op === 'stripe-encode' ? 10 * threads * calls : 20) : subject === 'addon' ? 15 : 5));
  const value = (name: string): number => (ratios[name] as { value: number }).value;
  assert.equal(value('rsEncodeVsKlauspost'), 4);
  assert.equal(value('rsWasmVsAvx2'), 0.25);
  assert.equal(value('twoCores'), 2);
  assert.equal(value('addonVsRust'), 0.75);
  // store 1/20, seal 1/20, hash 1.5/20 and code 1/20 are 4.5/20 a byte; the pipeline does 10.
  assert.ok(Math.abs(value('pipelineVsStageSum') - 10 / (20 / 4.5)) < 1e-12);
  const sizes = new Set([...cellsOfRatios(bench).values()].flat().filter(({ op }) => op.startsWith('rs-')).map(({ bytes }) => bytes));
  assert.deepEqual([...sizes].sort((a, b) => a - b), [64 * 1024, 2 ** 20]);
});

test('one core has no ratio of two', () => {
  const ratios = ratiosFrom(() => [1], { ...bench, cores: 1 });
  assert.deepEqual((ratios['twoCores'] as { missing: string }).missing, 'this machine has one core');
});

test('keys of cells tell apart all that is compared', () => {
  const cells = [...cellsOfRatios(bench).values()].flat();
  const shown = new Map(cells.map((cell) => [keyOf(cell), JSON.stringify(cell, Object.keys(cell).sort())]));
  for (const cell of cells) assert.equal(shown.get(keyOf(cell)), JSON.stringify(cell, Object.keys(cell).sort()));
});

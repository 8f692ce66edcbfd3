import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatCalibrations, maxCalibrationFileBytes, parseCalibrations, type Calibration } from '../../src/capabilities/capabilities.ts';

const entry = (key: string, madeMs = 1): Calibration => ({ key, madeMs, tookMs: 200, rates: { 'reed-solomon/avx2': 1.4e10, 'codec/native': 1e9 } });

test('what was written is read, the newest in front, one entry a key, eight in all', () => {
  let text = formatCalibrations([], entry('a'));
  assert.deepEqual(parseCalibrations(text), [entry('a')]);
  text = formatCalibrations(parseCalibrations(text), entry('b'));
  text = formatCalibrations(parseCalibrations(text), entry('a', 7));
  assert.deepEqual(parseCalibrations(text), [entry('a', 7), entry('b')]);
  for (let i = 0; i < 20; i++) text = formatCalibrations(parseCalibrations(text), entry(`m${i}`));
  assert.deepEqual(parseCalibrations(text).map(({ key }) => key), ['m19', 'm18', 'm17', 'm16', 'm15', 'm14', 'm13', 'm12']);
  assert.ok(text.length < maxCalibrationFileBytes);
});

test('anything else gives no entry and no error', () => {
  const whole = formatCalibrations([entry('b')], entry('a'));
  for (let end = 0; end < whole.length - 2; end++) assert.deepEqual(parseCalibrations(whole.slice(0, end)), []);
  assert.deepEqual(parseCalibrations(whole.replace('"version":1', '"version":2').replace('"version": 1', '"version": 2')), []);
  assert.deepEqual(parseCalibrations(whole + ' '.repeat(maxCalibrationFileBytes)), []);
  const one = (change: object): unknown[] => parseCalibrations(JSON.stringify({ version: 1, entries: [{ ...entry('a'), ...change }] }));
  assert.equal(one({}).length, 1);
  for (const change of [
    { key: 7 }, { key: 'x'.repeat(1001) }, { madeMs: -1 }, { tookMs: null }, { rates: [] }, { rates: { a: '1' } }, { rates: { a: 0 } },
    { rates: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`r${i}`, 1])) },
  ]) assert.deepEqual(one(change), [], JSON.stringify(change).slice(0, 60));
  assert.equal(parseCalibrations(JSON.stringify({ version: 1, entries: Array.from({ length: 50 }, () => entry('a')) })).length, 8);
});

test('property: hostile text never throws, and what is taken is well-formed', () => {
  const json = fc.json({ maxDepth: 4 });
  const nearly = fc.tuple(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 3 }))
    .map(([key, madeMs, tookMs, rates]) => JSON.stringify({ version: 1, entries: [{ key, madeMs, tookMs, rates }, entry('a')] }));
  fc.assert(fc.property(fc.oneof(fc.string(), json, nearly), (text) => {
    for (const { key, rates } of parseCalibrations(text)) {
      assert.equal(typeof key, 'string');
      assert.ok(Object.values(rates).every((rate) => rate > 0 && Number.isFinite(rate)));
    }
  }), { seed: 9, numRuns: 2000 });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareRecords } from '../../bench/compare.ts';
import { type BenchRecord, type Row, spread } from '../../bench/record.ts';
import { reportOf } from '../../bench/report/html.ts';

const row = (workload: string, variant: string, ...values: number[]): Row => ({ workload, variant, unit: 'MiB/s', value: spread(values) });
const record = (cpu: string, rows: readonly Row[], more: object = {}): BenchRecord => ({
  bench: 'store', commit: 'abc', seed: 1, rows, ...more,
  machine: { cpu, cores: 2, memoryBytes: 2 ** 30, kernel: '6', node: 'v24', architecture: 'linux x64', governor: 'unknown', load: 0, rustc: 'unknown' },
});

test('rows are matched by what was done and by whom; what only one has stays in the table', () => {
  const a = record('one', [row('put', 'native', 10, 20, 30), row('get', 'native', 5)]);
  const b = record('two', [row('put', 'native', 10), row('put', 'portable', 7)]);
  const [compared] = compareRecords([a], [b]);
  assert.deepEqual(compared?.rows.map(({ workload, variant, a, b, bOverA }) => [workload, variant, a, b, bOverA]), [
    ['put', 'native', 20, 10, 0.5], ['get', 'native', 5, null, null], ['put', 'portable', null, 7, null],
  ]);
  assert.match(compared?.machines[0] ?? '', /^one, 2 cores/);
});

test('of several records of a bench the last counts, and benches that only one side has are left out', () => {
  const early = record('one', [row('put', 'native', 1)]);
  const late = record('one', [row('put', 'native', 2)]);
  const other = record('one', [], { bench: 'net' });
  const compared = compareRecords([early, late, other], [record('two', [row('put', 'native', 4)])]);
  assert.deepEqual(compared.map(({ bench, rows }) => [bench, rows[0]?.bOverA]), [['store', 2]]);
});

test('ratios are compared by name, a missing one with its reason', () => {
  const ratio = (value: number) => ({ value, low: value, high: value, goal: 1, met: true, how: '', pairs: [] });
  const a = record('one', [], { ratios: { x: ratio(2), y: { missing: 'no Go', goal: 1, how: '' } } });
  const b = record('two', [], { ratios: { x: ratio(3), z: ratio(1) } });
  assert.deepEqual(compareRecords([a], [b])[0]?.ratios, [{ name: 'x', a: 2, b: 3 }, { name: 'y', a: 'missing: no Go', b: '-' }, { name: 'z', a: '-', b: 1 }]);
});

test('the report shows names as text, whatever stands in them', () => {
  const page = reportOf([record('<b>&"evil"', [row('put <script>', "a'b", 1, 2)])]);
  assert.ok(page.includes('&lt;b&gt;&amp;&quot;evil&quot;') && page.includes('put &lt;script&gt;') && page.includes('a&#39;b'));
  assert.ok(!page.includes('<script') && !page.includes('<b>&'));
});

test('a bar is as long as its rate, and a ceiling far away does not press the bars flat', () => {
  const far = { ...row('put', 'a', 10), ceiling: { name: 'disk write', value: 1_000, percent: 1 } };
  const page = reportOf([record('cpu', [far, row('put', 'b', 5)])]);
  const widths = [...page.matchAll(/<rect class="ours" [^>]*width="([\d.]+)"/g)].map((match) => Number(match[1]));
  assert.equal(widths.length, 2);
  assert.ok(Math.abs((widths[0] ?? 0) / (widths[1] ?? 1) - 2) < 0.01, widths.join(' '));
  assert.match(page, /disk write 1000, beyond the scale/);
});

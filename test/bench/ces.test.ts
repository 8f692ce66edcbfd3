/** The bench of the core with its own subjects in their smallest size, and with rivals that the test makes up. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { benchCes, type CesRecord } from '../../bench/ces/ces.ts';
import { refuseDifferent } from '../../bench/ces/measure.ts';
import { makeDataSets, maxDataBytes } from '../../bench/data.ts';
import { reportOf } from '../../bench/report/html.ts';
import { ratioTable } from '../../bench/report/ratio-table.ts';
import { Subject, type SubjectStart } from '../../bench/subject.ts';
import { PangeaError } from '../../src/errors/errors.ts';

const program = fileURLToPath(new URL('./subjects/made-up.ts', import.meta.url));
const madeUp = (id: string, ...args: string[]): SubjectStart => ({ id, command: process.execPath, args: [program, id, ...args], present: true });
const absent: SubjectStart = { id: 'klauspost', command: '', args: [], present: false, reason: 'Go is not installed' };

// Of its own, so that what is left behind can be told from what others are using.
process.env['TMPDIR'] = mkdtempSync(join(tmpdir(), 'pangea-bench-test-'));
after(() => rmSync(tmpdir(), { recursive: true }));
const leftovers = (): string[] => readdirSync(tmpdir());

function bench(rivals: readonly SubjectStart[], signal = new AbortController().signal): Promise<CesRecord> {
  return benchCes({ seed: 1, smoke: true, rivals, signal, progress: () => undefined });
}

test('the core is measured by every subject that is there; those that are not are named', { timeout: 120_000 }, async () => {
  const record = await bench([absent, madeUp('aws-lc', '', '1e3'), madeUp('isal', '', '1e9', 'die')]);
  assert.ok(record.rows.length > 0);
  for (const { workload, variant, value, ceiling } of record.rows) {
    assert.ok(value.min > 0 && value.min <= value.q1 && value.q1 <= value.median && value.median <= value.q3 && value.q3 <= value.max, `${workload} ${variant}`);
    if (!workload.includes('threads')) assert.equal(ceiling === undefined, workload.startsWith('copy'), workload);
  }
  const portable = record.rows.filter(({ variant }) => /^portable\b/.test(variant)).map(({ workload }) => workload.split(' ')[0]);
  for (const op of ['copy', 'rs-encode', 'rs-decode', 'rs-repair', 'seal', 'open', 'hash', 'whole-encode', 'whole-decode', 'stripe-encode', 'stripe-open']) assert.ok(portable.includes(op), op);
  assert.deepEqual(record.data.map(({ name }) => name), ['random', 'text', 'source', 'json', 'binaries', 'media']);
  const missing = (name: string): string => (record.ratios[name] as { missing?: string }).missing ?? '';
  assert.match(missing('rsEncodeVsKlauspost'), /klauspost: Go is not installed/);
  assert.match(missing('rsEncodeVsIsalGfni'), /isal: .*it broke/);
  assert.match(missing('rsEncodeVsIsal'), /isal-debian was not asked for/);
  assert.ok(record.subjects.some((subject) => subject.id === 'klauspost' && 'missing' in subject));
  const seal = record.ratios['sealVsAwsLc'] as { value?: number; missing?: string };
  const native = record.subjects.find(({ id }) => id === 'native');
  if (native !== undefined && 'missing' in native) assert.ok(seal.missing?.includes('native'), JSON.stringify(seal));
  else assert.ok((seal.value ?? 0) > 1, JSON.stringify(seal));
  assert.match(ratioTable(record), /missing: klauspost: Go is not installed/);
  const page = reportOf([record]);
  assert.ok(page.includes('Go is not installed') && page.includes('rsEncodeVsKlauspost') && !/<(script|link)\b|https?:/.test(page.replaceAll(/xmlns="[^"]*"/g, '')), 'the report needs nothing from elsewhere');
});

test('a rival that gives other bytes refuses the whole result, and leaves nothing behind', { timeout: 60_000 }, async () => {
  await assert.rejects(bench([madeUp('klauspost', '0123456789abcdef')]), (error) =>
    error instanceof PangeaError && error.code === 'CORRUPT' && error.message.includes('klauspost 0123456789abcdef') && error.message.includes('portable '));
  assert.deepEqual(leftovers(), []);
});

test('checks are compared among those that have one', () => {
  const cell = (subject: string) => ({ subject, op: 'rs-encode', bytes: 4096, data: 'random', threads: 1 }) as const;
  refuseDifferent([{ cell: cell('a'), check: '' }, { cell: cell('b'), check: 'x' }, { cell: cell('c'), check: 'x' }]);
  refuseDifferent([]);
  assert.throws(() => refuseDifferent([{ cell: cell('a'), check: 'y' }, { cell: cell('b'), check: 'x' }]), /no figure counts: a y, b x/);
});

test('a stop in the middle ends the subjects and removes the data', { timeout: 60_000 }, async () => {
  const controller = new AbortController();
  const stopped = benchCes({ seed: 1, smoke: true, rivals: [], signal: controller.signal, progress: (done) => { if (done === 5) controller.abort(new PangeaError('ABORTED', 'enough')); } });
  await assert.rejects(stopped, /enough/);
  assert.deepEqual(leftovers(), []);
});

test('a subject that ends, is silent or speaks no JSON is told with its reason', { timeout: 60_000 }, async () => {
  const request = { op: 'seal', file: '', bytes: 1, rounds: 2, roundMs: 1 } as const;
  const broken: readonly [SubjectStart, RegExp][] = [
    [madeUp('a', '', '1', 'die'), /ended with 3: fatal: it broke/],
    [madeUp('b', '', '1', 'silent'), /not 2 rates/],
    [madeUp('c', '', '-1'), /not 2 rates/],
    [{ id: 'd', command: '/nonexistent/program', args: [], present: true }, /ENOENT/],
    [{ id: 'e', command: process.execPath, args: ['-e', 'process.stdin.on("data", () => console.log("nonsense"))'], present: true }, /no JSON: nonsense/],
  ];
  for (const [start, reason] of broken) {
    const subject = new Subject(start);
    await assert.rejects(subject.measure(request), reason);
    await subject.close();
  }
});

test('one seed gives the same data twice, another seed gives other data, and no set is larger than the limit', () => {
  const names = ['random', 'text', 'json'] as const;
  const hashes = (seed: number): string[] => {
    const made = makeDataSets(256 * 1024, seed, names);
    try {
      assert.deepEqual(made.sets.map(({ bytes }) => bytes), [256 * 1024, 256 * 1024, 256 * 1024]);
      assert.ok(made.sets.every(({ file }) => existsSync(file)));
      return made.sets.map(({ xxhash64 }) => xxhash64);
    } finally {
      made.remove();
    }
  };
  const first = hashes(1);
  assert.deepEqual(hashes(1), first);
  for (const [index, hash] of hashes(2).entries()) assert.notEqual(hash, first[index], names[index]);
  assert.throws(() => makeDataSets(maxDataBytes + 1, 1), /at most/);
});

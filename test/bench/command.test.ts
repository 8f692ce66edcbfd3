/** `pangea-node bench` as a user has it: the whole of it in its smallest size, stopping it, and what it refuses. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CesRecord } from '../../bench/ces/ces.ts';
import { goals } from '../../bench/ces/goals.ts';
import type { BenchRecord } from '../../bench/record.ts';
import { program, run } from '../cli/run.ts';

const directory = mkdtempSync(join(tmpdir(), 'pb-test-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const env = { TMPDIR: directory };

test('every bench in its smoke size gives a record, and the report of them', { timeout: 300_000 }, async () => {
  const out = join(directory, 'out');
  const { code, stdout, stderr } = await run(['bench', 'all', '--smoke', '--json', '--against', 'none', '--out', out], { env, timeoutMs: 290_000 });
  assert.equal(code, 0, stderr);
  const records = stdout.trim().split('\n').map((line) => JSON.parse(line) as BenchRecord);
  assert.deepEqual(records.map(({ bench }) => bench), ['ces', 'store', 'net']);
  for (const { machine, commit, rows, bench } of records) {
    assert.ok(machine.cpu.length > 0 && machine.cores > 0 && commit.length > 0);
    for (const workload of ['disk write with fsync, one stream', 'disk read, one stream', 'loopback, one stream']) assert.ok(rows.some((row) => row.workload === workload), `${bench}: ${workload}`);
    assert.ok(rows.some(({ ceiling }) => ceiling !== undefined && ceiling.percent > 0), bench);
    for (const { workload, unit, value } of rows) {
      assert.ok(Number.isFinite(value.median) && value.min > 0 && value.min <= value.median && value.median <= value.max && value.runs >= 1, `${bench}: ${workload} ${unit}`);
    }
  }
  const measured = new Set(records.flatMap(({ rows }) => rows.map(({ workload }) => workload.split(/ \(|,| \d/)[0])));
  for (const workload of ['rs-encode', 'stripe-encode', 'put', 'get', 'put tree', 'get tree', 'memory', 'ping', 'disk ceiling']) assert.ok(measured.has(workload), workload);
  const [ces] = records as [CesRecord];
  assert.deepEqual(Object.keys(ces.ratios), Object.keys(goals));
  assert.match((ces.ratios['rsEncodeVsKlauspost'] as { missing: string }).missing, /klauspost/);
  assert.equal(readFileSync(join(out, 'bench.jsonl'), 'utf8'), stdout);
  assert.match(readFileSync(join(out, 'report.html'), 'utf8'), /<h2>Network<\/h2>/);

  const same = await run(['bench', '--compare', join(out, 'bench.jsonl'), join(out, 'bench.jsonl')], { env });
  assert.equal(same.code, 0, same.stderr);
  assert.match(same.stdout, /rs-encode 8 × 4 KiB +portable .* 1\.00$/m);
  assert.deepEqual(readdirSync(directory), ['out'], 'nothing else is left behind');
});

test('Ctrl-C ends it with everything that it started', { timeout: 60_000, skip: process.platform === 'win32' ? 'no process groups' : false }, async () => {
  const child = spawn(process.execPath, [program, 'bench', 'ces', '--rounds', '1000', '--against', 'none'], { env: { ...process.env, ...env }, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
  const group = -(child.pid ?? 0);
  try {
    const started = (): boolean => readdirSync(directory).some((name) => name.startsWith('pangea-bench-data-'));
    for (let tries = 0; !started() && tries < 600; tries++) await sleep(50);
    assert.ok(started(), stderr);
    process.kill(child.pid ?? 0, 'SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 130, stderr);
    assert.match(stderr, /ABORTED: stopped by a signal/);
    assert.throws(() => process.kill(group, 0), /ESRCH/, 'somebody of its group is left');
    assert.deepEqual(readdirSync(directory).filter((name) => name !== 'out'), []);
  } finally {
    endGroup(group);
  }
});

function endGroup(group: number): void {
  try {
    process.kill(group, 'SIGKILL');
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
  }
}

test('what is not understood is refused with what is possible', async () => {
  const refused: readonly [string[], RegExp][] = [
    [['bench', 'disk'], /there is no bench disk: there are ces, store, net, all/],
    [['bench', '--against', 'nobody'], /--against nobody: there is no such rival; there are .*klauspost/],
    [['bench', '--rounds', '0'], /--rounds 0: expected a number from 1 to 1000/],
    [['bench', '--compare', 'one.json'], /--compare takes two files/],
    [['bench', '--compare', program, program], /holds no records/],
    [['bench', '--compare', '/nonexistent/a', '/nonexistent/b'], /cannot read \/nonexistent\/a/],
  ];
  for (const [args, words] of refused) {
    const { code, stderr, stdout } = await run(args, { env });
    assert.ok(code === 64 || code === 74, `${args.join(' ')}: ${code}`);
    assert.match(stderr, words);
    assert.equal(stdout, '');
  }
  const help = await run(['bench', '--help'], { env });
  assert.match(help.stdout, /--against/);
});

/** The bench of the graph in its smallest size, and how its figures are set against each other. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Figures } from '../../bench/graph/figures.ts';
import { idOf, putFrames, valueOf } from '../../bench/graph/made.ts';
import type { BenchRecord } from '../../bench/record.ts';

const program = fileURLToPath(new URL('../../bench/graph.ts', import.meta.url));

test('every workload is measured on ours and on gun.js, and ours loses nothing', { timeout: 280_000 }, async () => {
  const child = spawn(process.execPath, [program, '--smoke', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, stderr);
  const { bench, rows, machine } = JSON.parse(stdout) as BenchRecord;
  assert.equal(bench, 'graph');
  assert.ok(machine.cpu.length > 0);
  const median = (workload: RegExp, variant: RegExp, unit: RegExp): number => {
    const row = rows.find((each) => workload.test(each.workload) && variant.test(each.variant) && unit.test(each.unit));
    assert.ok(row !== undefined, `${workload} ${variant} ${unit}`);
    return row.value.median;
  };
  for (const workload of [/^puts in memory, messages/, /^puts in memory, chain/, /^once, a value/, /^once, a node/, /^map over/, /^durable puts, messages/, /^durable puts, chain/, /^fan-out to/, /^sync of/]) {
    for (const variant of [/^pangea/, /^gun\.js/]) assert.ok(median(workload, variant, /^(puts|reads|nodes|deliveries)\/s$/) > 0, `${workload} ${variant}`);
  }
  for (const unit of [/^ms p50$/, /^ms p95$/]) for (const variant of [/^pangea$/, /^gun\.js/]) assert.ok(median(/^latency/, variant, unit) > 0);
  for (const how of ['messages', 'chain']) assert.equal(median(new RegExp(`^durable puts, ${how}`), /^pangea$/, /^lost %/), 0);
  assert.equal(median(/^sync of/, /^pangea, reconciliation$/, /^% there/), 100);
  assert.ok(rows.some(({ workload }) => /^ratio to gun\.js.*durable puts.*goal at least 5$/.test(workload)));
  for (const { workload, variant, value } of rows.filter(({ workload }) => workload.startsWith('ceiling'))) assert.ok(value.median > 0, `${workload} ${variant}`);
});

test('ratios are taken round by round, against the same work, and figures of loss are not compared', () => {
  const figures = new Figures();
  for (const drift of [1, 0.5, 2]) {
    figures.add('durable puts, chain', 'pangea', 'puts/s', 600 * drift);
    figures.add('durable puts, chain', 'gun.js', 'puts/s', 100 * drift);
    figures.add('durable puts, messages', 'gun.js', 'puts/s', 1);
    for (const variant of ['pangea', 'gun.js']) figures.add('durable puts, chain', variant, 'lost % of acknowledged', 1);
  }
  const [ratio, ...rest] = figures.ratios();
  assert.deepEqual(rest, []);
  assert.equal(ratio?.workload, 'ratio to gun.js: durable puts, chain, puts/s, goal at least 5');
  assert.ok(Math.abs((ratio?.value.min ?? 0) - 6) < 1e-12 && Math.abs((ratio?.value.max ?? 0) - 6) < 1e-12);
});

test('the data is what gun.js would send: ids of nine characters that are never the same, whole nodes, every number once', () => {
  const messages = [...putFrames(10, 500)].flatMap(({ frame }) => JSON.parse(frame) as { '#': string; put: Record<string, Record<string, unknown>> }[]);
  assert.equal(new Set(messages.map((message) => message['#'])).size, 500);
  assert.ok(messages.every((message) => message['#'].length === 9) && idOf('p', 36 ** 6).length === 9);
  const counts = messages.map(({ put }) => Object.values(put)[0]?.['count']);
  assert.deepEqual(counts, Array.from({ length: 500 }, (_, at) => valueOf(at + 10).count));
});

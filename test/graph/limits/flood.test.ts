import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flood } from './flood.ts';

const limits = { timeout: 240_000 };
const mebibyte = 1024 * 1024;

test('garbage of every kind changes counters and nothing else, while a gun.js client is served', limits, async (t) => {
  const report = await flood({ messages: 6_000, seed: 11, connections: 3, halfOpen: 40, slowReaders: 2 });
  t.diagnostic(JSON.stringify({ seconds: report.seconds, memory: report.memory, violations: report.violations, polite: report.polite }));
  assert.equal(report.unchanged, true, `${report.graph.before} became ${report.graph.after}`);
  assert.equal(report.sent, 6_000);
  for (const rule of ['json', 'structure', 'value', 'signature', 'content-hash', 'state-future']) assert.ok((report.violations[rule] ?? 0) > 0, `${rule} was never broken`);
  assert.ok(report.ended > 0, 'who breaks rule after rule is cut off');
  const { puts, acked, reads, answered } = report.polite;
  assert.ok(puts > 0 && reads > 0);
  assert.deepEqual([acked, answered], [puts, reads], 'all that the well-behaved client asked for was done');
  assert.deepEqual(report.politeLost, []);
  // Those who never read could make a node hold gigabytes; what it may hold for each is a few MiB.
  assert.ok(report.memory.peak - report.memory.before < 600 * mebibyte, `from ${report.memory.before} to ${report.memory.peak} bytes`);
});

/** The benchmark of the main job in its smoke size: it must run, verify what it fetched, and give a complete record. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchPutGet, smoke } from '../../bench/put-get.ts';

test('put-get measures a small network and records machine, commit and spread', { timeout: 240_000 }, async () => {
  const record = await benchPutGet(smoke);
  assert.match(record.commit, /./);
  assert.ok(record.machine.cores > 0 && record.machine.cpu.length > 0);
  const workloads = new Set(record.rows.map(({ workload }) => workload.split(' (')[0]));
  for (const wanted of ['put', 'get', 'put tree', 'get tree', 'memory', 'disk ceiling']) assert.ok(workloads.has(wanted), wanted);
  for (const { workload, unit, value } of record.rows) {
    assert.ok(Number.isFinite(value.median) && value.median > 0 && value.min <= value.max && value.runs >= 1, `${workload} ${unit}`);
  }
});

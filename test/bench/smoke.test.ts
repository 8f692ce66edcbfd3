/** Every benchmark is run in its smallest size, as its own process, and must give a whole record. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { table, type BenchRecord } from '../../bench/record.ts';
import { loadNative } from '../../src/native/native.ts';

const native = loadNative();

for (const name of ['store', 'transport']) {
  test(`bench/${name}.ts in its smoke size`, { timeout: 120_000, skip: native.ok ? false : native.reason }, () => {
    const program = fileURLToPath(new URL(`../../bench/${name}.ts`, import.meta.url));
    const done = spawnSync(process.execPath, [program, '--smoke', '--json'], { encoding: 'utf8', timeout: 110_000 });
    assert.equal(done.status, 0, done.stderr);
    const record = JSON.parse(done.stdout) as BenchRecord;
    assert.equal(record.bench, name);
    assert.ok(record.rows.length > 0 && record.commit.length > 0 && record.machine.cpu.length > 0);
    for (const { workload, value } of record.rows) assert.ok(value.median > 0 && value.min <= value.max, workload);
    assert.ok(table(record).includes(record.commit));
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchCodec } from '../../bench/codec.ts';

test('the benchmark of the codec runs in its smoke size', { timeout: 30_000 }, async () => {
  const record = await benchCodec({ runs: 2, seed: 1, blockBytes: 64 * 1024 });
  const portable = record.rows.filter((row) => row.variant === 'portable');
  assert.equal(portable.length, 2 * 14);
  for (const row of record.rows) {
    assert.equal(row.value.runs, 2);
    assert.ok(row.value.min > 0 && row.value.min <= row.value.median && row.value.median <= row.value.max, row.workload);
  }
});

import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { benchGraphStore } from '../../../bench/graph-store.ts';

test('the bench of the stores gives a rate for each workload on each store', { timeout: 60_000 }, async () => {
  const { rows } = await benchGraphStore({ runs: 1, seed: 1, nodes: 300, directory: tmpdir() });
  const rates = rows.filter(({ unit }) => unit === 'fields/s');
  for (const variant of ['memory', 'leveldb']) assert.equal(rates.filter((row) => row.variant === variant).length, 12);
  assert.ok(rates.every(({ value }) => value.median > 0 && Number.isFinite(value.median)));
});

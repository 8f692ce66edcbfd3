import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchGraphReplica } from '../../../bench/graph-replica.ts';

test('the bench of the replica runs at its smoke size', async () => {
  const { rows } = await benchGraphReplica({ runs: 1, seed: 1, nodes: 200 });
  assert.deepEqual(rows.map(({ workload }) => workload), [
    'merge new nodes', 'merge them again: nothing new', 'change all their fields', 'from text: parse, check, merge', 'memory of a node',
  ]);
  for (const { value } of rows) assert.ok(Number.isFinite(value.median));
});

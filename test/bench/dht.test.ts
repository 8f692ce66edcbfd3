/** The bench of the DHT in its smallest size: it starts a network, measures both clients, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchDht } from '../../bench/dht.ts';
import { loadNative } from '../../src/native/native.ts';
import { run } from '../cabi/build.ts';

const native = loadNative();
const missing = !native.ok ? native.reason : run(['go', 'version']).code !== 0 ? 'no Go toolchain' : false;

test('both clients are measured in one network', { skip: missing, timeout: 240_000 }, async () => {
  const { bench, rows } = await benchDht({ networks: [8], rounds: 1, operations: 3, seed: 1 });
  assert.equal(bench, 'dht');
  for (const kind of ['provide', 'find a provider', 'get a value', 'closest peers']) {
    for (const variant of ['pangea', 'go-libp2p']) {
      const units = rows.filter((row) => row.workload === `${kind}, 8 nodes` && row.variant === variant);
      assert.deepEqual(units.map(({ unit }) => unit), ['ms p50', 'ms p99', '/s, 16 at a time', 'CPU-ms each']);
      assert.ok(units.every(({ value }) => value.median > 0 && Number.isFinite(value.max)), `${kind} ${variant}`);
    }
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, discardMetrics } from '../../src/telemetry/telemetry.ts';

test('counters, histograms and gauges come out in Prometheus text', async () => {
  const metrics = createMetrics({ defaults: false });
  const bytes = metrics.counter('pangea_store_written_bytes_total', 'Bytes written', ['kind']);
  bytes.add(5, { kind: 'shard' });
  bytes.add(2, { kind: 'shard' });
  metrics.counter('pangea_plain_total', 'Plain').add();
  metrics.histogram('pangea_get_seconds', 'Time', [0.1, 1]).observe(0.5);
  let free = 10;
  metrics.gauge('pangea_free_bytes', 'Free', () => free);
  const first = await metrics.text();
  assert.match(first, /pangea_store_written_bytes_total\{kind="shard"\} 7\n/);
  assert.match(first, /pangea_plain_total 1\n/);
  assert.match(first, /pangea_get_seconds_bucket\{le="0.1"\} 0\n/);
  assert.match(first, /pangea_get_seconds_bucket\{le="1"\} 1\n/);
  assert.match(first, /pangea_free_bytes 10\n/);
  free = 11;
  assert.match(await metrics.text(), /pangea_free_bytes 11\n/);
});

test('asking twice for a name gives the same metric; another kind is refused', async () => {
  const metrics = createMetrics({ defaults: false });
  metrics.counter('pangea_x_total', 'x').add(1);
  metrics.counter('pangea_x_total', 'x').add(1);
  assert.match(await metrics.text(), /pangea_x_total 2\n/);
  assert.throws(() => metrics.gauge('pangea_x_total', 'x', () => 0), { code: 'INTERNAL' });
  metrics.gauge('pangea_g', 'g', () => 1);
  metrics.gauge('pangea_g', 'g', () => 2);
  assert.match(await metrics.text(), /pangea_g 2\n/);
});

test('two registries share nothing, and the process metrics come only where asked for', async () => {
  const one = createMetrics({ defaults: true });
  const two = createMetrics({ defaults: false });
  one.counter('pangea_x_total', 'x').add(1);
  assert.match(await one.text(), /process_resident_memory_bytes/);
  const text = await two.text();
  assert.doesNotMatch(text, /pangea_x_total|process_/);
  discardMetrics.counter('pangea_x_total', 'x').add(1);
  assert.equal(await discardMetrics.text(), '');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterAnswer, decayedThreat, lossAfterMiss } from '../../src/peers/health.ts';
import { ambiguousLabels, healthOf, statusOf } from '../../src/peers/peers.ts';
import { leastWeight, mostWeight, placementWeight } from '../../src/peers/weight.ts';

const close = (actual: number | undefined, expected: number): void => {
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
};

test('health by the formula of the existing network', () => {
  close(healthOf({ latencyMs: 0, jitterMs: 0, packetLoss: 0 }), 1);
  close(healthOf({ latencyMs: 1000, jitterMs: 100, packetLoss: 1 }), 0);
  close(healthOf({ latencyMs: 250, jitterMs: 20, packetLoss: 0.1 }), 0.4 * 0.75 + 0.3 * 0.8 + 0.3 * 0.9);
  close(healthOf({ latencyMs: 9999, jitterMs: 9999, packetLoss: 0 }), 0.3);
});

test('health stays within 0 and 1 and never rises when a measure gets worse', () => {
  const measure = fc.record({
    latencyMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    jitterMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
    packetLoss: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(measure, measure, (a, b) => {
      const worse = {
        latencyMs: Math.max(a.latencyMs, b.latencyMs),
        jitterMs: Math.max(a.jitterMs, b.jitterMs),
        packetLoss: Math.max(a.packetLoss, b.packetLoss),
      };
      const health = healthOf(a);
      assert.ok(health >= -1e-12 && health <= 1 + 1e-12);
      assert.ok(healthOf(worse) <= health + 1e-12);
    }),
    { seed: 2, numRuns: 500 },
  );
});

test('jitter is the moving average 0.8·old + 0.2·|new − old|', () => {
  let measured = afterAnswer({}, 50);
  assert.deepEqual(measured, { latencyMs: 50, jitterMs: 0, packetLoss: 0 });
  measured = afterAnswer(measured, 60);
  close(measured.jitterMs, 2);
  measured = afterAnswer(measured, 30);
  close(measured.jitterMs, 0.8 * 2 + 0.2 * 30);
  assert.equal(measured.latencyMs, 30);
});

test('packet loss goes to 1 when nothing answers and to 0 when all does', () => {
  let loss: number | undefined;
  for (let at = 0; at < 100; at++) {
    const next = lossAfterMiss(loss);
    assert.ok(next > (loss ?? 0) && next <= 1);
    loss = next;
  }
  close(lossAfterMiss(undefined), 0.1);
  let measured = { latencyMs: 1, jitterMs: 0, packetLoss: loss ?? 0 };
  assert.ok(measured.packetLoss > 0.99);
  for (let at = 0; at < 100; at++) measured = afterAnswer(measured, 1);
  assert.ok(measured.packetLoss < 0.01);
});

test('status by the thresholds, which themselves still belong to the better side', () => {
  assert.equal(statusOf(0), 'active');
  assert.equal(statusOf(0.5), 'active');
  assert.equal(statusOf(0.51), 'purgatory');
  assert.equal(statusOf(0.8), 'purgatory');
  assert.equal(statusOf(0.81), 'dead');
  assert.equal(statusOf(0, false), 'purgatory');
  assert.equal(statusOf(0.9, false), 'dead');
});

test('a threat score halves each half-life and ends at zero', () => {
  close(decayedThreat(0.8, 1000, 1000), 0.4);
  close(decayedThreat(0.8, -5, 1000), 0.8);
  assert.equal(decayedThreat(1, 20_000, 1000), 0);
});

test('placement weights are capped, monotonic in room and still under small changes', () => {
  const gib = 2 ** 30;
  assert.equal(placementWeight(64 * gib, 0.5), 1);
  assert.equal(placementWeight(0, 0), leastWeight);
  assert.equal(placementWeight(2 ** 60, 1), mostWeight);
  assert.equal(placementWeight(64 * gib, 0.5), placementWeight(60 * gib, 0.55));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 50 }), fc.integer({ min: 0, max: 2 ** 50 }), fc.double({ min: 0, max: 1, noNaN: true }), (a, b, health) => {
      const weights = [Math.min(a, b), Math.max(a, b)].map((bytes) => placementWeight(bytes, health)) as [number, number];
      assert.ok(weights[0] >= leastWeight && weights[1] <= mostWeight && weights[0] <= weights[1]);
    }),
    { seed: 3, numRuns: 300 },
  );
});

test('labels carried twice are ambiguous, missing ones are not', () => {
  const labels = [{ label: 1 }, { label: 2 }, { label: 1 }, { label: undefined }, { label: undefined }];
  assert.deepEqual([...ambiguousLabels(labels)], [1]);
});

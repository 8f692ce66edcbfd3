import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expected, runSuite, surprises } from './suites.mjs';

/** Of GUN's suites, so that none is lost unnoticed: tests that GUN itself does not leave out, without those of its own libraries. */
const counts = { common: 95, sea: 35, rad: 9 } as const;

describe("GUN's own suites with ours in its place", { concurrency: true }, () => {
  for (const [name, count] of Object.entries(counts)) {
    test(name, { timeout: 280_000 }, async () => {
      const result = await runSuite(name);
      assert.deepEqual(surprises(name, result, await expected()), []);
      assert.equal(result.passed.length + result.failed.length, count);
    });
  }
});

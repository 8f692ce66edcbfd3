import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './simulate.ts';

/** One test a seed. Two files run a half of the fifty each, so that two cores share them. */
export function simulateSeeds(from: number, to: number): void {
  for (let seed = from; seed <= to; seed++) {
    test(`seed ${seed} keeps every invariant`, { timeout: 120_000 }, async () => {
      const { violation, convergedMinutes, objects } = await simulate({ seed });
      assert.equal(violation, undefined, `${violation?.stack ?? ''}\nreplay: npm run sim -- --seed ${seed} --trace`);
      assert.ok(convergedMinutes !== undefined && objects > 0);
    });
  }
}

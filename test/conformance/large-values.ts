/** What everything that keeps large values must do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPangeaError } from '../../src/errors/errors.ts';
import type { LargeValues } from '../../src/graph/storage/large.ts';
import { seededRandom } from '../../src/std/std.ts';

export interface LargePlace {
  readonly values: LargeValues;
  dispose(): Promise<void>;
}

export function largeValuesConformance(name: string, make: () => Promise<LargePlace>): void {
  test(`${name}: keeps bytes whole, and forgets them when told`, { timeout: 120_000 }, async () => {
    const { values, dispose } = await make();
    try {
      const contents = [1, 70_000, 700_000].map((length) => seededRandom(length).bytes(length));
      const references: string[] = [];
      for (const content of contents) references.push(await values.put(content));
      assert.equal(new Set(references).size, contents.length);
      for (const [at, reference] of references.entries()) {
        assert.ok(reference.length <= 1_000);
        assert.ok(Buffer.compare(await values.get(reference), contents[at] as Uint8Array) === 0);
      }
      const [first, second] = references as [string, string];
      await values.delete(first);
      await values.delete(first);
      await assert.rejects(values.get(first), (error) => isPangeaError(error));
      assert.equal((await values.get(second)).length, 70_000);
    } finally {
      await dispose();
    }
  });
}

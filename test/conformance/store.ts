/** What every shard store must do, on a disk or not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blake3 } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { toHex } from '../../src/std/std.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { content, keyOf, object, plain, record } from '../store/records.ts';

export interface StorePlace {
  readonly store: ShardStore;
  /** Closes and opens again what is on disk; absent where nothing is. */
  readonly reopen?: () => Promise<ShardStore>;
  dispose(): Promise<void>;
}

export interface PlaceSizes {
  readonly volumeBytes?: number;
  readonly quotaBytes?: number;
}

export function storeConformance(name: string, make: (sizes?: PlaceSizes) => Promise<StorePlace>): void {
  const check = (title: string, run: (store: ShardStore, place: StorePlace) => Promise<void>, sizes?: PlaceSizes): void => {
    test(`${name}: ${title}`, { timeout: 30_000 }, async () => {
      const place = await make(sizes);
      try {
        await run(place.store, place);
      } finally {
        await place.dispose();
      }
    });
  };

  check('gives back what was put, whole and in ranges', async (store) => {
    const payload = content(1, 100_003);
    await store.put([record(keyOf(0), payload), record(keyOf(1), new Uint8Array(0))], 'fsync');
    assert.equal(plain(await store.get(keyOf(0))), toHex(payload));
    assert.equal((await store.get(keyOf(1)))?.byteLength, 0);
    assert.equal(plain(await store.get(keyOf(0), { offset: 5, length: 90_000 })), toHex(payload.subarray(5, 90_005)));
    assert.equal((await store.get(keyOf(0), { offset: 7, length: 0 }))?.byteLength, 0);
    assert.equal(plain(await store.get(keyOf(0), { offset: 100_000, length: 50 })), toHex(payload.subarray(100_000)));
    await assert.rejects(store.get(keyOf(0), { offset: 100_004, length: 1 }), { code: 'INTERNAL' });
    assert.equal(await store.get(keyOf(2)), undefined);
  });

  check('the last write of a key wins', async (store, place) => {
    await store.put([record(keyOf(0), content(1)), record(keyOf(0), content(2))], 'fsync');
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(2)));
    await store.put([record(keyOf(0), content(3))], 'memory');
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(3)));
    assert.equal(store.usage().records, 1);
    await store.sync();
    const again = await place.reopen?.();
    if (again) assert.equal(plain(await again.get(keyOf(0))), toHex(content(3)));
  });

  check('refuses bytes that are not what their identity says, and writes none of the call', async (store) => {
    const wrong = { ...record(keyOf(1), content(1)), identity: blake3(content(2)) };
    await assert.rejects(store.put([record(keyOf(0), content(0)), wrong], 'fsync'), { code: 'SHARD_MISMATCH' });
    assert.equal(await store.get(keyOf(1)), undefined);
  });

  check('answers from its index', async (store) => {
    const other = object(2);
    await store.put([
      record(keyOf(0, 3), content(1, 10)), record(keyOf(7, 1), content(2, 20)),
      record(keyOf(0, 0, 1), content(3, 30)), record(keyOf(4_000_000_000, 11, 0, other), content(4, 40)),
    ], 'fsync');
    const info = store.stat(keyOf(7, 1));
    assert.equal(info?.byteLength, 20);
    assert.equal(toHex(info?.identity as Uint8Array), toHex(blake3(content(2, 20))));
    assert.equal(store.stat(keyOf(7, 2)), undefined);
    const told = store.records(object(1)).map(({ key, byteLength }) => [key.kind, key.stripe, key.row, byteLength]);
    assert.deepEqual(told.sort(), [[0, 0, 3, 10], [0, 7, 1, 20], [1, 0, 0, 30]]);
    assert.deepEqual(store.records(other).map(({ key }) => key.stripe), [4_000_000_000]);
    assert.deepEqual(store.records(object(3)), []);
    assert.deepEqual(store.objects(0).map(toHex).sort(), [toHex(object(1)), toHex(other)]);
    assert.deepEqual(store.objects(1).map(toHex), [toHex(object(1))]);
    assert.deepEqual(store.objects(5), []);
  });

  check('removes, for good', async (store, place) => {
    await store.put([0, 1, 2].map((stripe) => record(keyOf(stripe), content(stripe))), 'fsync');
    await store.remove([keyOf(0), keyOf(2), keyOf(99)]);
    await store.remove([]);
    const absent = async (from: ShardStore): Promise<void> => {
      assert.equal(await from.get(keyOf(0)), undefined);
      assert.equal(from.stat(keyOf(2)), undefined);
      assert.deepEqual(from.records(object(1)).map(({ key }) => key.stripe), [1]);
      assert.equal(from.usage().records, 1);
    };
    await absent(store);
    const again = await place.reopen?.();
    if (again) {
      await absent(again);
      await again.put([record(keyOf(0), content(9))], 'fsync');
      assert.equal(plain(await again.get(keyOf(0))), toHex(content(9)));
    }
  });

  check('a body may be released once the put has returned', async (store) => {
    const entry = record(keyOf(0), content(1));
    const done = store.put([entry], 'fsync');
    entry.payload.release();
    await done;
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(1)));
  });

  check('a sync covers every put that was called before it', async (store, place) => {
    const puts = [store.put([record(keyOf(0), content(0, 3_000_000))], 'memory'), store.put([record(keyOf(1), content(1))], 'memory')];
    await store.sync();
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(0, 3_000_000)));
    assert.equal(plain(await store.get(keyOf(1))), toHex(content(1)));
    await Promise.all(puts);
    const overwritten = [2, 3].map((seed) => store.put([record(keyOf(2), content(seed, seed === 2 ? 3_000_000 : 10))], 'memory'));
    await Promise.all(overwritten);
    assert.equal(plain(await ((await place.reopen?.()) ?? store).get(keyOf(2))), toHex(content(3, 10)));
  });

  check('counts live and garbage bytes and wins the garbage back', async (store) => {
    const empty = store.usage();
    assert.deepEqual([empty.records, empty.liveBytes], [0, 0]);
    assert.ok(empty.freeBytes > 0);
    await store.put(Array.from({ length: 10 }, (_, i) => record(keyOf(i), content(i))), 'fsync');
    const full = store.usage();
    assert.equal(full.records, 10);
    assert.ok(full.liveBytes >= 10_000 && full.liveBytes < 13_000, `${full.liveBytes}`);
    await store.remove(Array.from({ length: 8 }, (_, i) => keyOf(i)));
    const holed = store.usage();
    assert.ok(holed.garbageBytes > 8000 && holed.liveBytes < 3000);
    assert.ok((await store.compact()) > 7000);
    const compacted = store.usage();
    assert.deepEqual([compacted.records, compacted.liveBytes], [2, holed.liveBytes]);
    assert.ok(compacted.garbageBytes < 1500, `${compacted.garbageBytes}`);
    assert.equal(plain(await store.get(keyOf(9))), toHex(content(9)));
    assert.equal(await store.get(keyOf(3)), undefined);
  });

  check('is full at its quota, loses nothing by it, and goes on when there is room', async (store) => {
    await store.put([record(keyOf(0), content(0, 4000))], 'fsync');
    await assert.rejects(store.put([record(keyOf(1), content(1, 8000))], 'fsync'), { code: 'STORE_FULL' });
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(0, 4000)));
    assert.ok(store.usage().freeBytes < 8000);
    await store.remove([keyOf(0)]);
    await store.compact();
    await store.put([record(keyOf(1), content(1, 8000))], 'fsync');
    assert.equal(plain(await store.get(keyOf(1))), toHex(content(1, 8000)));
  }, { quotaBytes: 10_000 });

  check('serves many callers at once', async (store) => {
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      await store.put([record(keyOf(i), content(i))], i % 2 ? 'fsync' : 'memory');
      assert.equal(plain(await store.get(keyOf(i))), toHex(content(i)));
      if (i % 10 === 0) await store.remove([keyOf(i)]);
    }));
    await store.sync();
    assert.equal(store.usage().records, 180);
  }, { volumeBytes: 20_000 });

  check('serves while it compacts', async (store) => {
    for (let i = 0; i < 60; i++) await store.put([record(keyOf(i), content(i))], 'memory');
    await store.remove(Array.from({ length: 40 }, (_, i) => keyOf(i)));
    const compaction = store.compact();
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      assert.equal(plain(await store.get(keyOf(40 + i))), toHex(content(40 + i)));
      await store.put([record(keyOf(i), content(1000 + i)), record(keyOf(40 + i), content(2000 + i))], 'fsync');
    }));
    await compaction;
    // How much a round beside puts moves depends on which volumes the puts emptied first. So the space itself is looked at in
    // peace: two of three records of every volume are dead, so none goes by itself, and all must be reclaimed but the last.
    for (let i = 100; i < 160; i++) await store.put([record(keyOf(i), content(i))], 'memory');
    await store.remove(Array.from({ length: 60 }, (_, i) => 100 + i).filter((i) => i % 3 !== 0).map((i) => keyOf(i)));
    const before = store.usage().garbageBytes;
    const reclaimed = await store.compact();
    assert.ok(reclaimed > 0, 'compaction reclaims');
    assert.ok(store.usage().garbageBytes < before / 2, `${store.usage().garbageBytes} of ${before} bytes of garbage are left`);
    for (let i = 102; i < 160; i += 3) assert.equal(plain(await store.get(keyOf(i))), toHex(content(i)));
    for (let i = 0; i < 20; i++) {
      assert.equal(plain(await store.get(keyOf(i))), toHex(content(1000 + i)));
      assert.equal(plain(await store.get(keyOf(40 + i))), toHex(content(2000 + i)));
    }
  }, { volumeBytes: 10_000 });

  check('refuses work after close, which may be repeated', async (store) => {
    await store.put([record(keyOf(0), content(0))], 'memory');
    await Promise.all([store.close(), store.close()]);
    await store.close();
    const closed = { code: 'STORE_CLOSED' };
    await assert.rejects(store.get(keyOf(0)), closed);
    await assert.rejects(store.put([record(keyOf(0), content(0))], 'fsync'), closed);
    await assert.rejects(store.remove([keyOf(0)]), closed);
    await assert.rejects(store.sync(), closed);
    await assert.rejects(store.compact(), closed);
  });

  check('equals a map under any operations, over restarts and compactions', async (first, place) => {
    let store = first;
    const slot = fc.integer({ min: 0, max: 5 });
    const step = fc.oneof(
      fc.record({ do: fc.constant('put' as const), slots: fc.array(slot, { minLength: 1, maxLength: 4 }), seed: fc.nat(1e6), bytes: fc.nat(900) }),
      fc.record({ do: fc.constant('remove' as const), slots: fc.array(slot, { maxLength: 3 }) }),
      fc.record({ do: fc.constantFrom('compact' as const, 'reopen' as const, 'sync' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const model = new Map<number, string>();
        await store.remove(store.records(object(1)).map(({ key }) => key));
        for (const action of steps) {
          if (action.do === 'put') {
            const records = action.slots.map((at, i) => record(keyOf(at), content(action.seed + i, action.bytes)));
            await store.put(records, 'memory');
            records.forEach((entry) => model.set(entry.key.stripe, toHex(entry.payload.bytes())));
          } else if (action.do === 'remove') {
            await store.remove(action.slots.map((at) => keyOf(at)));
            action.slots.forEach((at) => model.delete(at));
          } else if (action.do === 'reopen') store = (await place.reopen?.()) ?? store;
          else await store[action.do]();
          assert.deepEqual(store.records(object(1)).map(({ key }) => key.stripe).sort(), [...model.keys()].sort());
          for (const [at, expected] of model) assert.equal(plain(await store.get(keyOf(at))), expected);
        }
        assert.equal(store.usage().records, model.size);
      }),
      { numRuns: 30, seed: 5 },
    );
  }, { volumeBytes: 3000 });
}

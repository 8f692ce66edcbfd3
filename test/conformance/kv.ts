/** What every key-value store must do. `make` gives a fresh one over a place that `reopen` opens again, where it can. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KeyValueStore, KvOperation } from '../../src/kv/kv.ts';
import { utf8 } from '../../src/std/std.ts';

export interface KvPlace {
  readonly store: KeyValueStore;
  /** Closes and opens again what is on disk; absent where nothing is. */
  readonly reopen?: () => Promise<KeyValueStore>;
  dispose(): Promise<void>;
}

export function kvConformance(name: string, make: () => Promise<KvPlace>): void {
  const check = (title: string, run: (store: KeyValueStore, place: KvPlace) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 30_000 }, async () => {
      const place = await make();
      try {
        await run(place.store, place);
      } finally {
        await place.dispose();
      }
    });
  };

  check('reads what was put, and nothing else', async (store) => {
    await store.put('a', utf8('1'));
    assert.deepEqual(plain(await store.get('a')), '1');
    await store.put('a', utf8('2'));
    assert.deepEqual(plain(await store.get('a')), '2');
    assert.equal(await store.get('b'), undefined);
    await store.put('empty', new Uint8Array(0));
    assert.equal((await store.get('empty'))?.length, 0);
    await store.delete('a');
    await store.delete('never there');
    assert.equal(await store.get('a'), undefined);
  });

  check('values belong to whoever holds them', async (store) => {
    const value = utf8('abc');
    await store.put('k', value);
    value[0] = 0;
    const read = await store.get('k');
    assert.equal(plain(read), 'abc');
    (read as Uint8Array)[1] = 0;
    assert.equal(plain(await store.get('k')), 'abc');
  });

  check('within a batch the later operation on a key wins', async (store) => {
    await store.batch([put('x', '1'), { type: 'delete', key: 'x' }, put('y', '1'), put('y', '2')]);
    assert.equal(await store.get('x'), undefined);
    assert.equal(plain(await store.get('y')), '2');
    await store.batch([]);
  });

  check('iterates a prefix in the order of bytes, from behind a key, up to a limit', async (store) => {
    const keys = ['a', 'b/', 'b/1', 'b/10', 'b/2', 'b/\u{ffff}', 'b/\u{10000}', 'b0', 'c'];
    await store.batch(keys.map((key) => put(key, key)));
    assert.deepEqual(await keysOf(store, 'b/'), ['b/', 'b/1', 'b/10', 'b/2', 'b/\u{ffff}', 'b/\u{10000}']);
    assert.deepEqual(await keysOf(store, 'b/', { after: 'b/10', limit: 2 }), ['b/2', 'b/\u{ffff}']);
    assert.deepEqual(await keysOf(store, 'b/', { after: 'a' }), await keysOf(store, 'b/'));
    assert.deepEqual(await keysOf(store, ''), keys);
    assert.deepEqual(await keysOf(store, 'nothing'), []);
    assert.deepEqual(await keysOf(store, 'b/', { limit: 0 }), []);
    for await (const [key, value] of store.entries('b')) assert.equal(plain(value), key);
  });

  check('iterates the state of the first step while others write', async (store) => {
    await store.batch([put('k1', ''), put('k2', ''), put('k3', '')]);
    const seen: string[] = [];
    for await (const [key] of store.entries('k')) {
      seen.push(key);
      await store.batch([put('k2a', ''), { type: 'delete', key: 'k3' }]);
    }
    assert.deepEqual(seen, ['k1', 'k2', 'k3']);
  });

  check('refuses work after close, which may be repeated', async (store) => {
    await store.close();
    await store.close();
    const closed = { name: 'PangeaError', code: 'STORE_CLOSED' };
    await assert.rejects(store.get('a'), closed);
    await assert.rejects(store.put('a', utf8('')), closed);
    await assert.rejects(keysOf(store, ''), closed);
  });

  check('equals a sorted map under any operations', async (store) => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '0', '\u{fffd}', '\u{1f600}'), maxLength: 4 });
    const operation: fc.Arbitrary<KvOperation> = fc.oneof(
      fc.record({ type: fc.constant('put' as const), key: key.map((k) => `k${k}`), value: fc.uint8Array({ maxLength: 8 }) }),
      fc.record({ type: fc.constant('delete' as const), key: key.map((k) => `k${k}`) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(operation, { maxLength: 8 }), { maxLength: 6 }), key, async (batches, prefix) => {
        const model = new Map<string, Uint8Array>();
        for await (const [old] of store.entries('')) await store.delete(old);
        for (const batch of batches) {
          await store.batch(batch);
          for (const change of batch) {
            if (change.type === 'put') model.set(change.key, change.value);
            else model.delete(change.key);
          }
        }
        const expected = [...model].filter(([k]) => k.startsWith(`k${prefix}`));
        expected.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const found: [string, Uint8Array][] = [];
        for await (const [k, value] of store.entries(`k${prefix}`)) found.push([k, new Uint8Array(value)]);
        assert.deepEqual(found, expected);
      }),
      { numRuns: 40, seed: 7 },
    );
  });

  check('keeps everything over a restart, where it is durable', async (store, place) => {
    if (place.reopen === undefined) return;
    await store.batch([put('a', '1'), put('b', '2')]);
    await store.delete('a');
    const again = await place.reopen();
    assert.equal(await again.get('a'), undefined);
    assert.equal(plain(await again.get('b')), '2');
  });
}

function put(key: string, value: string): KvOperation {
  return { type: 'put', key, value: utf8(value) };
}

function plain(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString();
}

async function keysOf(store: KeyValueStore, prefix: string, options?: { after?: string; limit?: number }): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of store.entries(prefix, options)) keys.push(key);
  return keys;
}

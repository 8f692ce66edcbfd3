/** What every store of the graph must do. `make` gives a fresh one over a place that `reopen` opens again, where it can. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isPangeaError } from '../../src/errors/errors.ts';
import { GraphNode } from '../../src/graph/data/node.ts';
import type { Delta, Lex, Value } from '../../src/graph/data/types.ts';
import type { GraphStore } from '../../src/graph/storage/storage.ts';
import { byBytes, NaiveStore } from './naive-graph-store.ts';

export interface GraphPlace {
  readonly store: GraphStore;
  /** Closes and opens again what was stored; absent where nothing is. */
  readonly reopen?: () => Promise<GraphStore>;
  dispose(): Promise<void>;
}

/** `runs`: how many random histories are tried, fewer where each call is a round trip. */
export function graphStoreConformance(name: string, make: () => Promise<GraphPlace>, { runs = 60 }: { runs?: number } = {}): void {
  const check = (title: string, run: (store: GraphStore, place: GraphPlace) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 120_000 }, async () => {
      const place = await make();
      try {
        await run(place.store, place);
      } finally {
        await place.dispose();
      }
    });
  };

  check('gives back whole nodes in the order of the question, and nothing for the rest', async (store) => {
    await store.write([delta('a', { x: 1, y: 'two' }), delta('b', { z: null })]);
    await store.write([delta('a', { w: { '#': 'b' }, x: 3 }, 2)]);
    const [b, none, a, again] = await store.read(['b', 'none', 'a', 'a']);
    assert.deepEqual(plain(b), { z: [null, 1] });
    assert.equal(none, undefined);
    assert.deepEqual(plain(a), { x: [3, 2], y: ['two', 1], w: [{ '#': 'b' }, 2] });
    assert.deepEqual(plain(again), plain(a));
    assert.equal(a?.soul, 'a');
    assert.deepEqual(await store.read([]), []);
  });

  check('takes a write of nothing, and others after it', async (store) => {
    await store.write([]);
    await store.write([delta('a', { x: 1 })]);
    const [a] = await store.read(['a']);
    assert.deepEqual(plain(a), { x: [1, 1] });
  });

  check('keeps each kind of value and state bit by bit', async (store, place) => {
    const values: Value[] = [
      null, true, false, 0, 1, -1, 2 ** 53, 5e-324, Number.MAX_VALUE, -1.5, 127, 128, 65_536, -2_147_483_648, '', 'text',
      'é', '\0', '\u{1f600}', '\ud800', 'a\udc00b', '"', 'x'.repeat(5_000), 'ü'.repeat(5_000), { '#': 'soul' }, { '#': '\ud800\0' },
    ];
    const states = [0, -1, 1, 1795221856667.0051, 1e308, -1e308, 5e-324, 1795221856667];
    const written = new GraphNode('kinds');
    values.forEach((value, at) => written.set(`v${at}`, value, 1));
    states.forEach((state, at) => written.set(`s${at}`, at, state));
    await store.write([written.toDelta()]);
    for (const opening of [() => store, () => place.reopen?.()]) {
      const from = await opening();
      if (!from) continue;
      const [read] = await from.read(['kinds']);
      assert.deepEqual(plain(read), plain(written));
    }
  });

  check('takes any text for a soul and a key', async (store, place) => {
    const texts = ['', ' ', '\0', '\0\0', 'a', 'a\0', 'a\0b', 'a/b', '__proto__', 'constructor', '_', '#', '\u001b', 'ÿ', '\u{ffff}', '\u{10000}', '\ud800', '\udc00', '\ud800\ud800\udc00', 'k'.repeat(300)];
    const all = texts.map((soul, at) => ({ soul, fields: texts.map((key, position) => ({ key, value: at * 100 + position, state: 1 })) }));
    await store.write(all);
    for (const opening of [() => store, () => place.reopen?.()]) {
      const from = await opening();
      if (!from) continue;
      const read = await from.read(texts);
      read.forEach((node, at) => assert.deepEqual(plain(node), plain(GraphNode.from(all[at] as Delta)), JSON.stringify(texts[at])));
      assert.deepEqual(await collect(from.souls()), byBytes(texts));
      assert.deepEqual([...((await from.range('a', {}))?.keys() ?? [])], byBytes(texts));
    }
  });

  check('keeps the higher state, and on equal states the greater JSON text', async (store) => {
    const steps: [Value, number, Value][] = [
      ['new', 5, 'new'], ['old', 4, 'new'], ['mew', 5, 'new'], ['oew', 5, 'oew'], [9, 5, 'oew'], [9, 5, 'oew'], [null, 5, 9], [null, 6, null],
    ];
    let expected: Value | undefined;
    let state = Number.NEGATIVE_INFINITY;
    for (const [value, at] of steps) {
      await store.write([delta('s', { k: value }, at)]);
      if (expected === undefined || at > state || (at === state && JSON.stringify(value) > JSON.stringify(expected))) [expected, state] = [value, at];
      const [node] = await store.read(['s']);
      assert.deepEqual([node?.value('k'), node?.state('k')], [expected, state]);
    }
    await store.write([delta('t', { k: 2 }, 2), delta('t', { k: 1 }, 1), delta('t', { l: 1 }, 1)]);
    assert.deepEqual(plain((await store.read(['t']))[0]), { k: [2, 2], l: [1, 1] });
  });

  check('answers ranges in order of bytes, both ways, within a budget', async (store) => {
    const keys = ['a', 'aa', 'ab', 'abz', 'b', 'ba', 'bb', 'c', 'é', '\u{fb01}', '\u{1f600}'];
    for (const soul of ['small', 'large']) {
      const node = new GraphNode(soul);
      for (const key of keys) node.set(key, soul === 'large' ? key.repeat(2_000) : key, 1);
      await store.write([node.toDelta()]);
      const range = async (lex: Lex): Promise<readonly string[]> => (await store.range(soul, lex))?.keys() ?? [];
      assert.deepEqual(await range({}), keys);
      assert.deepEqual(await range({ '-': 1 }), keys.toReversed());
      assert.deepEqual(await range({ '=': 'ab' }), ['ab']);
      assert.deepEqual(await range({ '*': 'a' }), ['a', 'aa', 'ab', 'abz']);
      assert.deepEqual(await range({ '*': 'a', '-': 1 }), ['abz', 'ab', 'aa', 'a']);
      assert.deepEqual(await range({ '>': 'b' }), ['b', 'ba', 'bb', 'c', 'é', '\u{fb01}', '\u{1f600}']);
      assert.deepEqual(await range({ '<': 'aa' }), ['a', 'aa']);
      assert.deepEqual(await range({ '>': 'aa', '<': 'b' }), ['aa', 'ab', 'abz', 'b']);
      assert.deepEqual(await range({ '>': 'ab', '<': 'ba', '-': true }), ['ba', 'b', 'abz', 'ab']);
      assert.deepEqual(await range({ '%': 1 }), ['a']);
      assert.deepEqual(await range({ '%': 1, '-': 1 }), ['\u{1f600}']);
      assert.deepEqual(await range({ '*': 'b', '%': soul === 'large' ? 2_001 + 4_002 : 6 }), ['b', 'ba']);
      assert.deepEqual(await range({ '=': 'none' }), []);
      assert.deepEqual((await store.range(soul, { '=': 'c' }))?.field('c'), node.field('c'));
    }
    assert.equal(await store.range('none', {}), undefined);
  });

  check('lists souls in order of bytes by prefix, bounds and exactly', async (store) => {
    const souls = ['user/a', 'user/b', 'user/\u{fb01}', 'user/\u{1f600}', 'useq', 'uses', '~pub'];
    await store.write(souls.map((soul) => delta(soul, { k: 1 })));
    assert.deepEqual(await collect(store.souls()), byBytes(souls));
    assert.deepEqual(await collect(store.souls({ '-': 1 })), byBytes(souls).reverse());
    assert.deepEqual(await collect(store.souls({ '*': 'user/' })), byBytes(souls.slice(0, 4)));
    assert.deepEqual(await collect(store.souls({ '=': 'useq' })), ['useq']);
    assert.deepEqual(await collect(store.souls({ '>': 'user/b', '<': 'uses' })), ['user/b', 'user/\u{fb01}', 'user/\u{1f600}', 'uses']);
    assert.deepEqual(await collect(store.souls({ '*': 'none' })), []);
  });

  check('holds a node of many fields: each is found, and a change touches one', async (store, place) => {
    const count = 3_000;
    for (let first = 0; first < count; first += 1_000) {
      await store.write([{ soul: 'set', fields: Array.from({ length: 1_000 }, (_, at) => ({ key: `item/${first + at}`, value: { '#': `i${first + at}` }, state: 1 })) }]);
    }
    await store.write([delta('set', { 'item/7': null }, 2), delta('set', { 'item/8': 'old' }, 0)]);
    for (const opening of [() => store, () => place.reopen?.()]) {
      const from = await opening();
      if (!from) continue;
      const [node] = await from.read(['set']);
      assert.equal(node?.size, count);
      assert.deepEqual([node.value('item/7'), node.value('item/8'), node.value('item/2999')], [null, { '#': 'i8' }, { '#': 'i2999' }]);
      assert.equal((await from.range('set', { '*': 'item/29' }))?.size, 111);
      assert.deepEqual(await collect(from.souls()), ['set']);
    }
  });

  check('takes writes that were called together, in order', async (store) => {
    await Promise.all(Array.from({ length: 50 }, (_, at) => store.write([delta('one', { last: at, [`k${at}`]: at }, at), delta(`s${at}`, { k: at })])));
    const [node] = await store.read(['one']);
    assert.equal(node?.size, 51);
    assert.deepEqual(node.field('last'), { key: 'last', value: 49, state: 49 });
    assert.equal((await collect(store.souls({ '*': 's' }))).length, 50);
    await store.write([]);
  });

  check('what it gave belongs to whoever holds it', async (store) => {
    await store.write([delta('n', { k: 1 })]);
    const [first] = await store.read(['n']);
    first?.set('k', 2, 9);
    (await store.range('n', {}))?.set('l', 2, 9);
    assert.deepEqual(plain((await store.read(['n']))[0]), { k: [1, 1] });
  });

  check('counts what was written', async (store) => {
    const before = store.stats();
    await store.write([delta('n', { k: 1, l: 'text' })]);
    const after = store.stats();
    assert.equal(after.fields - before.fields, 2);
    assert.ok(after.writes > before.writes && after.bytes > before.bytes);
  });

  check('refuses work after close, which may be repeated', async (store) => {
    await store.write([delta('n', { k: 1 })]);
    await store.close();
    await store.close();
    const closed = (error: unknown): boolean => isPangeaError(error, 'STORE_CLOSED');
    await assert.rejects(store.read(['n']), closed);
    await assert.rejects(store.write([delta('n', { k: 2 })]), closed);
    await assert.rejects(store.range('n', {}), closed);
    await assert.rejects(collect(store.souls()), closed);
  });

  test(`${name}: agrees with a map over random histories`, { timeout: 300_000 }, async () => {
    const text = fc.oneof(fc.constantFrom('', 'a', 'b', 'ab', '__proto__', '\ud800', '\u{10000}', '\uffff', '\0'), fc.string({ maxLength: 4, unit: 'binary' }));
    const value = fc.oneof(fc.constant(null), fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0), text, fc.constantFrom('L'.repeat(900)), text.filter((soul) => soul !== '').map((soul) => ({ '#': soul })));
    const field = fc.record({ key: text, value, state: fc.integer({ min: 0, max: 3 }) });
    const write = fc.array(fc.record({ soul: text, fields: fc.uniqueArray(field, { minLength: 1, maxLength: 8, selector: ({ key }) => key }) }), { minLength: 1, maxLength: 6 });
    const lex = fc.record({ '=': text, '*': text, '>': text, '<': text, '-': fc.constant(1 as const), '%': fc.integer({ min: 0, max: 40 }) }, { requiredKeys: [] });
    await fc.assert(fc.asyncProperty(fc.array(write, { maxLength: 6 }), fc.array(lex, { maxLength: 4 }), async (writes, questions) => {
      const place = await make();
      const model = new NaiveStore(writes);
      try {
        for (const deltas of writes) await place.store.write(deltas);
        const souls = await collect(model.souls());
        const store = (await place.reopen?.()) ?? place.store;
        assert.deepEqual((await store.read(souls)).map(plain), (await model.read(souls)).map(plain));
        for (const question of questions) {
          assert.deepEqual(await collect(store.souls(question)), await collect(model.souls(question)));
          for (const soul of souls) assert.deepEqual(ordered(await store.range(soul, question)), ordered(await model.range(soul, question)));
        }
      } finally {
        await place.dispose();
      }
    }), { numRuns: runs, seed: 7 });
  });
}

export function delta(soul: string, fields: Readonly<Record<string, Value>>, state = 1): Delta {
  return { soul, fields: Object.entries(fields).map(([key, value]) => ({ key, value, state })) };
}

export function plain(node: GraphNode | undefined): Record<string, [Value, number]> | undefined {
  return node && Object.fromEntries([...node.fields()].map(({ key, value, state }) => [key, [value, state]]));
}

function ordered(node: GraphNode | undefined): unknown {
  return node?.toDelta();
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { graph, pause, plain } from './graphs.ts';
import type { Ack } from '../../../src/graph/graph.ts';

describe('put', () => {
  test('writes nested objects as nodes with the souls GUN gives them', async (t) => {
    const gun = graph(t);
    const done = await gun.get('z').get('y').put({ c: { b: { a: 1 } }, t: 'x' });
    assert.deepEqual(done, { soul: 'z', key: 'y', stored: 'memory', acks: [], lack: false });
    for (const [soul, fields] of Object.entries({
      z: { y: { '#': 'z/y' } },
      'z/y': { c: { '#': 'z/y/c' }, t: 'x' },
      'z/y/c': { b: { '#': 'z/y/c/b' } },
      'z/y/c/b': { a: 1 },
    })) assert.deepEqual(plain(await gun.get(soul).once()), fields, soul);
  });

  test('gives all fields of one put one state', async (t) => {
    const gun = graph(t);
    gun.get('a').put({ x: 1, y: { z: 2 } });
    const a = await gun.get('a').once();
    const y = await gun.get('a').get('y').once();
    assert.equal(a._['>'].x, a._['>'].y);
    assert.equal(y._['>'].z, a._['>'].x);
  });

  test('keeps the soul that a field links to, unless the data names another', async (t) => {
    const gun = graph(t);
    gun.get('doc').put({ child: { _: { '#': 'mine' }, v: 1 } });
    gun.get('doc').get('child').put({ w: 2 });
    gun.get('doc').put({ child: { x: 3 } });
    assert.deepEqual(plain(await gun.get('mine').once()), { v: 1, w: 2, x: 3 });
    gun.get('doc').get('child').put({ _: { '#': 'other' }, v: 4 });
    assert.deepEqual(plain(await gun.get('doc').get('child').once()), { v: 4 });
    assert.deepEqual(plain(await gun.get('mine').once()), { v: 1, w: 2, x: 3 });
  });

  test('takes circular objects, objects that occur twice, and deep ones', async (t) => {
    const gun = graph(t);
    const bob: Record<string, unknown> = { name: 'bob' };
    const cat = { name: 'cat', slave: bob };
    bob.pet = cat;
    bob.friend = cat;
    gun.get('people').get('bob').put(bob);
    assert.equal(await gun.get('people').get('bob').get('pet').get('slave').get('friend').get('name').once(), 'cat');
    let deep: Record<string, unknown> = { end: true };
    for (let level = 0; level < 1_500; level++) deep = { d: deep };
    const { soul } = await gun.get('well').put(deep);
    assert.equal(soul, 'well');
    assert.equal(gun.peer.stats().replica.nodesInMemory > 1_500, true);
    await assert.rejects(async () => gun.get('deeper than souls are long').get('x'.repeat(4_000)).put({ d: deep }), { message: /soul of \d+ characters/ });
    await assert.rejects(async () => gun.get('constructor').put({ a: 1 }), { message: /soul constructor/ });
  });

  test('links chains and souls', async (t) => {
    const gun = graph(t);
    const mark = gun.get('mark').put({ name: 'Mark' });
    gun.get('app').get('owner').put(mark);
    gun.get('app').get('editor').put({ '#': 'mark' });
    gun.get('app').get('owner').get('boss').put({ name: 'Ann' });
    assert.deepEqual(plain(await gun.get('app').once()), { owner: { '#': 'mark' }, editor: { '#': 'mark' } });
    assert.equal(await gun.get('app').get('editor').get('boss').get('name').once(), 'Ann');
  });

  test('without a soul makes one up, and gives the chain that leads there', async (t) => {
    const gun = graph(t);
    const made = gun.put({ hello: 'world' });
    const { soul } = await made;
    assert.match(soul, /^[0-9a-zA-Z]{12,}$/);
    assert.deepEqual(plain(await gun.get(soul).once()), { hello: 'world' });
    assert.equal((await gun.put({ _: { '#': 'named' }, x: 1 })).soul, 'named');
  });

  test('null deletes, and is a value that is read', async (t) => {
    const gun = graph(t);
    gun.get('n').put({ a: 1, b: 2 });
    gun.get('n').get('a').put(null);
    assert.equal(await gun.get('n').get('a').once(), null);
    assert.deepEqual(plain(await gun.get('n').once()), { a: null, b: 2 });
  });

  const refused: readonly [name: string, data: unknown, words: RegExp][] = [
    ['an array', { at: { the: [1] } }, /^Invalid data: Array at bad\.at\.the!$/],
    ['a date', { when: new Date(0) }, /^Invalid data: Date at bad\.when!$/],
    ['bytes', { b: Buffer.from('x') }, /^Invalid data: Buffer at bad\.b!$/],
    ['undefined', { u: undefined }, /^Invalid data: undefined at bad\.u!$/],
    ['NaN', { n: Number.NaN }, /^Invalid data: number at bad\.n!$/],
    ['infinity', { i: Number.POSITIVE_INFINITY }, /^Invalid data: number at bad\.i!$/],
    ['a function', { f: () => 1 }, /^Invalid data: function at bad\.f!$/],
    ['a big integer', { f: 1n }, /^Invalid data: bigint at bad\.f!$/],
    ['a map', { m: new Map() }, /^Invalid data: Map at bad\.m!$/],
    ['a key of no length', { ok: 1, '': 1 }, /^0 length key! at bad$/],
    ['the key __proto__', JSON.parse('{"ok":1,"__proto__":{"polluted":1}}'), /^Invalid key at bad!$/],
    ['a value at the root', 'text', /^Data at root of graph must be a node \(an object\)\.$/],
    ['a link at the root', { '#': 'elsewhere' }, /^Data at root of graph must be a node/],
  ];
  for (const [name, data, words] of refused) {
    test(`refuses ${name}, in GUN's words, and writes nothing`, async (t) => {
      const gun = graph(t);
      gun.get('bad').put({ before: 1 });
      const acks: Ack[] = [];
      await assert.rejects(async () => gun.get('bad').put(data, (ack) => acks.push(ack)), { code: 'GRAPH_INVALID', message: words });
      assert.equal(acks.length, 1);
      assert.match(acks[0]?.err ?? '', words);
      assert.equal(acks[0]?.ok, undefined);
      assert.deepEqual(plain(await gun.get('bad').once()), { before: 1 });
      assert.equal(gun.peer.stats().replica.nodesInMemory, 1);
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
    });
  }

  test('tells the log of an error that nobody waits for', async (t) => {
    const told: string[] = [];
    const gun = graph(t, { log: (text) => told.push(text) });
    gun.get('x').put([]);
    await gun.get('x').put([]).then(undefined, () => undefined);
    await pause(1);
    assert.deepEqual(told, ['Invalid data: Array at x!']);
  });

  test('takes what the object was when it was put', async (t) => {
    const gun = graph(t);
    const data = { v: 1, inner: { w: 1 } };
    const done = gun.get('snap').put(data);
    data.v = 2;
    data.inner.w = 2;
    await done;
    assert.equal(await gun.get('snap').get('v').once(), 1);
    assert.equal(await gun.get('snap').get('inner').get('w').once(), 1);
  });

  test('chains of many cannot be written to', async (t) => {
    const gun = graph(t);
    await assert.rejects(async () => gun.get('list').map().put({ a: 1 }), { code: 'GRAPH_INVALID' });
  });

  test('chains of another graph are refused', async (t) => {
    const other = graph(t);
    const gun = graph(t);
    await assert.rejects(async () => gun.get('a').get('b').put(other.get('x')), { message: /another graph/ });
  });
});

describe('set', () => {
  test('adds objects under souls of their own, chains and links under theirs, values under a key by chance', async (t) => {
    const gun = graph(t);
    const list = gun.get('list');
    const added = await list.set({ name: 'new' });
    assert.equal(added.soul, 'list');
    const item = added.key as string;
    assert.deepEqual(plain(await gun.get(item).once()), { name: 'new' });
    const ann = gun.get('ann').put({ name: 'Ann' });
    await list.set(ann);
    await list.set(ann);
    await list.set({ '#': 'bob' });
    await list.set({ _: { '#': 'carl' }, name: 'Carl' });
    const { key } = await list.set('text');
    assert.match(key ?? '', /^[0-9a-zA-Z]{7}$/);
    assert.deepEqual(plain(await list.once()), {
      [item]: { '#': item }, ann: { '#': 'ann' }, bob: { '#': 'bob' }, carl: { '#': 'carl' }, [key as string]: 'text',
    });
  });

  test('gives the chain of the item', async (t) => {
    const gun = graph(t);
    const item = gun.get('set').set({ name: 'x' });
    item.get('name').put('y');
    assert.equal(await item.get('name').once(), 'y');
    assert.equal(await gun.get('set').set('prim').once(), 'prim');
  });

  test('makes a chain that is an item point to where that chain leads', async (t) => {
    const gun = graph(t);
    gun.get('home').get('owner').put({ '#': 'ann' });
    await gun.get('people').set(gun.get('home').get('owner'));
    await gun.get('people').set(gun.get('home').get('garden'));
    assert.deepEqual(plain(await gun.get('people').once()), { ann: { '#': 'ann' }, 'home/garden': { '#': 'home/garden' } });
  });
});

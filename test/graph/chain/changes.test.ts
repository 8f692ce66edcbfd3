import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { graph, pause, plain } from './graphs.ts';

describe('on as an async iterable', () => {
  test('gives changes in order and ends with break, leaving nothing behind', async (t) => {
    const gun = graph(t);
    gun.get('n').put({ v: 0 });
    const heard: unknown[] = [];
    for await (const { data, key, soul } of gun.get('n').on()) {
      heard.push([key, soul, plain(data)]);
      if (data.v === 2) break;
      gun.get('n').get('v').put(data.v + 1);
    }
    assert.deepEqual(heard, [['n', 'n', { v: 0 }], ['n', 'n', { v: 1 }], ['n', 'n', { v: 2 }]]);
    assert.equal(gun.peer.stats().replica.watched, 0);
    assert.equal(gun.peer.stats().subscriptions, 0);
  });

  test('puts changes together while nobody reads: the last of a value, all fields of a diff', async (t) => {
    const gun = graph(t);
    gun.get('n').put({ a: 0, b: 0 });
    const values = gun.get('n').get('a').on({});
    const diffs = gun.get('n').on({ change: true });
    assert.deepEqual(plain((await diffs.next()).value.data), { a: 0, b: 0 });
    for (let v = 1; v <= 100; v++) gun.get('n').get('a').put(v);
    gun.get('n').get('b').put(7);
    assert.equal((await values.next()).value.data, 100);
    assert.deepEqual(plain((await diffs.next()).value.data), { a: 100, b: 7 });
    const waiting = values.next();
    gun.off();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    assert.deepEqual(await diffs.next(), { done: true, value: undefined });
  });

  test('keeps as many items as its buffer holds, and says how many it left out', async (t) => {
    const gun = graph(t);
    const items = gun.get('list').map().on({ buffer: 3 });
    for (let at = 0; at < 10; at++) gun.get('list').get(`k${at}`).put(at);
    const first = (await items.next()).value;
    assert.deepEqual([first.key, first.dropped], ['k0', 7]);
    assert.deepEqual([(await items.next()).value.key, (await items.next()).value.key], ['k1', 'k2']);
    gun.get('list').get('k9').put(90);
    assert.deepEqual((await items.next()).value, { data: 90, key: 'k9', soul: 'list', dropped: 0 });
    await items.return?.();
    assert.equal(gun.peer.stats().replica.watched, 0);
  });

  test('ends with its signal', async (t) => {
    const gun = graph(t);
    const ending = new AbortController();
    const changes = gun.get('n').on({ signal: ending.signal });
    const waiting = changes.next();
    await pause(1);
    ending.abort();
    assert.equal((await waiting).done, true);
    assert.equal((await gun.get('n').on({ signal: ending.signal }).next()).done, true);
    assert.equal(gun.peer.stats().replica.watched, 0);
  });
});

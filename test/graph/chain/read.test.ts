import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { graph, pause, plain } from './graphs.ts';

const people = { alice: { name: 'Alice', age: 26, pet: { name: 'Fluffy' } }, bob: { name: 'Bob', age: 29 }, carl: { name: 'Carl', age: 31 } };

describe('on', () => {
  test('gives a whole node now and on each put, each time a copy of the listener\'s own', (t) => {
    const gun = graph(t);
    const heard: unknown[] = [];
    gun.get('n').put({ a: 1 });
    gun.get('n').on((data) => {
      heard.push(plain(data));
      data.stolen = true;
    });
    gun.get('n').put({ b: 2, c: 3 });
    gun.get('n').get('a').put(4);
    assert.deepEqual(heard, [{ a: 1 }, { a: 1, b: 2, c: 3 }, { a: 4, b: 2, c: 3 }]);
  });

  test('with change gives a first whole node, then what changed', (t) => {
    const gun = graph(t);
    const heard: unknown[] = [];
    gun.get('n').put({ a: 1, b: 1 });
    gun.get('n').on((data) => heard.push(plain(data)), { change: true });
    gun.get('n').on((data) => heard.push(plain(data)), true);
    gun.get('n').get('b').put(2);
    assert.deepEqual(heard, [{ a: 1, b: 1 }, { a: 1, b: 1 }, { b: 2 }, { b: 2 }]);
  });

  test('is not called for what is not there, once it comes it is; a deletion is null', (t) => {
    const gun = graph(t);
    const heard: unknown[] = [];
    gun.get('a').get('b').get('c').on((data, key) => heard.push([key, data]));
    assert.deepEqual(heard, []);
    gun.get('a').put({ b: { c: 1 } });
    gun.get('a').get('b').get('c').put(null);
    gun.get('a').get('b').get('c').put(1);
    assert.deepEqual(heard, [['c', 1], ['c', null], ['c', 1]]);
  });

  test('hears a value that is written again, but a link that is written again only through its node', (t) => {
    const gun = graph(t);
    const values: unknown[] = [];
    const nodes: unknown[] = [];
    gun.get('w').put({ stats: { num: 3 }, v: 1 });
    gun.get('w').get('v').on((data) => values.push(data));
    gun.get('w').get('stats').on((data) => nodes.push(data.num));
    gun.get('w').put({ v: 1, stats: { num: 4 } });
    assert.deepEqual(values, [1, 1]);
    assert.deepEqual(nodes, [3, 4]);
  });

  test('follows a link to where it leads now, and no longer to where it led', (t) => {
    const gun = graph(t);
    const heard: unknown[] = [];
    gun.get('old').put({ name: 'old', in: { v: 1 } });
    gun.get('new').put({ name: 'new', in: { v: 2 } });
    gun.get('top').get('at').put({ '#': 'old' });
    gun.get('top').get('at').get('in').get('v').on((data) => heard.push(data));
    gun.get('top').get('at').put({ '#': 'new' });
    gun.get('old').get('in').get('v').put(7);
    gun.get('new').get('in').get('v').put(8);
    gun.get('top').get('at').put('a value');
    gun.get('new').get('in').get('v').put(9);
    assert.deepEqual(heard, [1, 2, 8]);
  });

  test('links work both ways, in a circle too', async (t) => {
    const gun = graph(t);
    const a = gun.get('a');
    const b = gun.get('b');
    a.get('next').put(b);
    b.get('next').put(a);
    a.get('next').get('next').get('next').get('v').put(1);
    assert.equal(await b.get('v').once(), 1);
    assert.equal(await a.get('next').get('next').get('next').get('next').get('next').get('v').once(), 1);
  });

  test('a message reaches the listener as one: it sees all nodes of a put', (t) => {
    const gun = graph(t);
    const heard: unknown[] = [];
    gun.get('p').get('c').on((data) => heard.push(plain(data)));
    gun.get('p').put({ c: { x: 1, y: 2 } });
    assert.deepEqual(heard, [{ x: 1, y: 2 }]);
  });

  test('listeners may put, and what they throw is not lost and stops nobody', async (t) => {
    const gun = graph(t);
    const heard: unknown[] = [];
    const thrown: unknown[] = [];
    const caught = (error: unknown): void => void thrown.push(error);
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', caught);
    t.after(() => {
      process.off('uncaughtException', caught);
      for (const listener of before) process.on('uncaughtException', listener);
    });
    gun.get('x').get('v').on(() => {
      throw new Error('mine');
    });
    gun.get('x').get('v').on((v) => {
      heard.push(v);
      if (v < 3) gun.get('x').get('v').put(v + 1);
    });
    gun.get('x').get('v').put(1);
    assert.deepEqual(heard, [1, 2, 3]);
    await pause(5);
    assert.equal(thrown.length, 3);
  });

  test('gives key, message, and an event whose off ends this listener only; this is the item', (t) => {
    const gun = graph(t);
    const heard: string[] = [];
    gun.get('k').put({ a: { b: 1 } });
    gun.get('k').get('a').on(function (_data, key, message, event) {
      heard.push(`first ${key} ${message.get} ${message['#']} ${(message.put as { b: number }).b}`);
      this.get('seen').put(true);
      event.off();
    });
    gun.get('k').get('a').on((data) => heard.push(`second ${data.b} ${data.seen}`));
    gun.get('k').get('a').get('b').put(2);
    assert.deepEqual(heard, ['first a a k/a 1', 'second 1 true', 'second 2 true']);
  });
});

describe('once', () => {
  test('gives values and nodes that are here at once, and undefined for what is nowhere', async (t) => {
    const gun = graph(t);
    gun.get('o').put({ a: 1 });
    const heard: unknown[] = [];
    gun.get('o').get('a').once((data, key) => heard.push([key, data]));
    gun.get('o').once((data, key) => heard.push([key, plain(data)]));
    gun.get('o').get('missing').get('deep').once((data, key) => heard.push([key, data]));
    gun.get('nowhere').once((data, key) => heard.push([key, data]));
    gun.get('o').get('a').put(2);
    assert.deepEqual(heard, [['a', 1], ['o', { a: 1 }], ['deep', undefined], ['nowhere', undefined]]);
    assert.equal(await gun.get('o').get('a').once(), 2);
  });

  test('on a link to nothing gives undefined', async (t) => {
    const gun = graph(t);
    gun.get('l').get('to').put({ '#': 'does-not-exist' });
    assert.equal(await gun.get('l').get('to').once(), undefined);
  });

  test('goes on as a chain of what was there', async (t) => {
    const gun = graph(t);
    gun.get('list').put({ a: { v: 1 }, b: { v: 1 } });
    const heard: Record<string, unknown> = {};
    gun.get('list').once().map().on((data, key) => (heard[key] = data.v));
    gun.get('list').put({ c: { v: 1 } });
    gun.get('list').get('a').get('v').put(2);
    assert.deepEqual(heard, { a: 2, b: 1 });
  });

  test('of a chain of many cannot be awaited, and says so', async (t) => {
    const gun = graph(t);
    await assert.rejects(async () => gun.get('list').map().once(), { code: 'GRAPH_INVALID' });
  });

  test('not calls back only where nothing is', (t) => {
    const gun = graph(t);
    const heard: string[] = [];
    gun.get('here').put({ a: 1 });
    gun.get('here').not(() => heard.push('wrong'));
    gun.get('here').get('b').not((key) => heard.push(key));
    gun.get('there').not((key) => heard.push(key));
    assert.deepEqual(heard, ['b', 'there']);
  });
});

describe('map', () => {
  test('calls once for each item that is here and each that comes, whatever GUN repeats', (t) => {
    const gun = graph(t);
    gun.get('people').put(people);
    const heard: string[] = [];
    gun.get('people').map().on((data, key) => heard.push(`${key} ${data?.age}`));
    assert.deepEqual(heard, ['alice 26', 'bob 29', 'carl 31']);
    gun.get('people').get('bob').get('age').put(30);
    gun.get('people').get('dave').put({ age: 40 });
    gun.get('people').get('alice').put(null);
    gun.get('alice').put({ age: 1 });
    assert.deepEqual(heard.slice(3), ['bob 30', 'dave 40', 'alice undefined']);
  });

  test('once gives each item once, also those that come later, and none that is not there', async (t) => {
    const gun = graph(t);
    const heard: string[] = [];
    gun.get('l').map().once((data, key) => heard.push(`${key} ${data.v ?? data}`));
    gun.get('l').put({ a: { v: 1 }, b: 'text' });
    gun.get('l').get('c').put({ '#': 'later' });
    gun.get('l').get('a').get('v').put(2);
    await pause(5);
    gun.get('later').put({ v: 3 });
    gun.get('later').put({ v: 4 });
    await pause(5);
    assert.deepEqual(heard, ['a 1', 'b text', 'c 3']);
  });

  test('goes through items: map().get().map()', (t) => {
    const gun = graph(t);
    gun.get('m').put({ x: { in: { a: 1, b: 2 } }, y: { in: { c: 3 } } });
    const heard: string[] = [];
    gun.get('m').map().get('in').map().on((v, k) => heard.push(`${k}${v}`));
    gun.get('m').get('y').get('in').get('d').put(4);
    gun.get('m').get('z').put({ in: { e: 5 } });
    assert.deepEqual(heard, ['a1', 'b2', 'c3', 'd4', 'e5']);
  });

  test('with a function filters, replaces and works although nobody reads on', (t) => {
    const gun = graph(t);
    const heard: string[] = [];
    const seen: unknown[] = [];
    gun.get('p').map((_data, key) => void seen.push(key));
    gun.get('p').map((data) => (data.age > 27 ? data : undefined)).on((data, key) => heard.push(`${key} ${data.age}`));
    gun.get('p').map((data) => (data.age < 27 ? `young ${data.name}` : undefined)).on((data) => heard.push(data));
    gun.get('p').put(people);
    gun.get('p').get('bob').get('age').put(26);
    assert.deepEqual(heard, ['bob 29', 'carl 31', 'young Alice', 'young Bob']);
    assert.deepEqual(seen, ['alice', 'bob', 'carl', 'bob']);
  });

  test('a lex takes a range, in get and in map, each its own, and reverse', async (t) => {
    const gun = graph(t);
    gun.get('lex').put(Object.fromEntries(['aa', 'ab', 'ba', 'bb', 'c'].map((key) => [key, key])));
    const of = async (chain: { map(): { on(cb: (data: unknown, key: string) => void): unknown } }): Promise<string[]> => {
      const keys: string[] = [];
      chain.map().on((_, key) => keys.push(key));
      await pause(5);
      return keys;
    };
    const lex = gun.get('lex');
    assert.deepEqual(await of(lex.get({ '.': { '*': 'a' } })), ['aa', 'ab']);
    assert.deepEqual(await of(lex.get({ '.': { '>': 'ab', '<': 'bb' }, '%': 50_000 })), ['ab', 'ba', 'bb']);
    assert.deepEqual(await of(lex.get({ '.': { '*': 'b' }, '-': 1 })), ['bb', 'ba']);
    const mapped: string[] = [];
    lex.map({ '.': { '*': 'b' } }).on((_, key) => mapped.push(key));
    lex.map({ '*': 'a' }).on((_, key) => mapped.push(key));
    await pause(5);
    assert.deepEqual(mapped.sort(), ['aa', 'ab', 'ba', 'bb']);
    assert.deepEqual(plain(await lex.get({ '.': { '*': 'a' } }).once()), { aa: 'aa', ab: 'ab' });
    assert.equal(await lex.get({ '.': 'c' }).once(), 'c');
  });

  test('at the root takes souls by a lex', async (t) => {
    const gun = graph(t);
    gun.get('user/ann').put({ n: 1 });
    gun.get('post/1').put({ n: 2 });
    const heard: string[] = [];
    gun.get({ '#': { '*': 'user/' } }).map().on((data, key) => heard.push(`${key} ${data.n}`));
    await pause(5);
    gun.get('user/bob').put({ n: 3 });
    gun.get('post/2').put({ n: 4 });
    await pause(5);
    assert.deepEqual(heard, ['user/ann 1', 'user/bob 3']);
  });
});

describe('get with a function', () => {
  test('tells of everything, undefined where nothing is or what was there is cut off', (t) => {
    const gun = graph(t);
    const heard: unknown[] = [];
    gun.get('g').get('who').get('name').get(({ put, get }) => heard.push([get, put]));
    gun.get('g').get('who').put({ name: 'A' });
    gun.get('other').put({ name: 'B' });
    gun.get('g').get('who').put({ '#': 'other' });
    gun.get('g').get('who').put(7);
    gun.get('g').get('who').put(8);
    assert.deepEqual(heard, [['name', undefined], ['name', 'A'], ['name', undefined], ['name', 'B'], ['name', undefined]]);
  });
});

test('back goes the words back, path goes several on, and a key has a length', (t) => {
  const gun = graph(t);
  gun.get('a').path('b.c').put(1);
  gun.get('a').get('b').get('c').back(2).get('d').put(2);
  assert.equal(gun.get('a').back(), gun);
  assert.equal(gun.get('a').get('b').back(-1), gun);
  const heard: unknown[] = [];
  gun.get('a').once((data) => heard.push(data.d));
  gun.get('a/b').once((data) => heard.push(data.c));
  assert.deepEqual(heard, [2, 1]);
  assert.throws(() => gun.get(''), { code: 'GRAPH_INVALID', message: '0 length key!' });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { graph, mesh, until } from './graphs.ts';

describe('open and load', () => {
  test('load gives nodes in place of links, one object for each, in circles too', async (t) => {
    const gun = graph(t);
    gun.get('ann').put({ name: 'Ann', spouse: { _: { '#': 'bob' }, name: 'Bob' }, home: { city: { name: 'X' } } });
    gun.get('bob').get('spouse').put(gun.get('ann'));
    const ann = await gun.get('ann').load();
    assert.equal(ann.home.city.name, 'X');
    assert.equal(ann.spouse.name, 'Bob');
    assert.equal(ann.spouse.spouse, ann);
    assert.equal(await gun.get('ann').get('name').load(), 'Ann');
    assert.equal(await gun.get('nobody').load(), undefined);
    const called: unknown[] = [];
    gun.get('ann').load((document, key) => called.push([key, document?.name]));
    await until(() => called.length > 0);
    assert.deepEqual(called, [['ann', 'Ann']]);
    assert.equal(gun.peer.stats().replica.watched, 0);
  });

  test('depth and nodes bound it: further links stay links', async (t) => {
    const gun = graph(t);
    gun.get('n0').put({ n: { n: { n: { n: { end: true } } } } });
    const shallow = await gun.get('n0').load({ depth: 2 });
    assert.deepEqual(shallow.n.n.n, { '#': 'n0/n/n/n' });
    gun.get('wide').put(Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`k${at}`, { at }])));
    const few = await gun.get('wide').load({ nodes: 11 });
    assert.equal(Object.values(few).filter((value) => (value as { at?: number }).at !== undefined).length, 10);
  });

  test('open follows every node of it, lets go of what is no longer linked, and puts changes together', async (t) => {
    const gun = graph(t);
    gun.get('doc').put({ a: { b: { v: 1 } } });
    const heard: unknown[] = [];
    gun.get('doc').open((document) => heard.push(document.a?.b?.v ?? document.a));
    await until(() => heard.length > 0);
    for (let v = 2; v < 10; v++) gun.get('doc').get('a').get('b').get('v').put(v);
    await until(() => heard.at(-1) === 9);
    assert.equal(heard.length < 5, true, `${heard.length} calls`);
    assert.equal(gun.peer.stats().replica.watched, 3);
    gun.get('doc').get('a').put('cut');
    await until(() => heard.at(-1) === 'cut');
    assert.equal(gun.peer.stats().replica.watched, 1);
    gun.get('doc').off();
    assert.equal(gun.peer.stats().replica.watched, 0);
    assert.equal(gun.peer.stats().subscriptions, 0);
  });

  test('load finds what peers have', async (t) => {
    const { a, b } = await mesh(t);
    await a.get('tree').put({ left: { left: { v: 1 } }, right: { v: 2 } }, undefined, { acks: 1 });
    const tree = await b.get('tree').load({ wait: 2_000 });
    assert.deepEqual([tree.left.left.v, tree.right.v], [1, 2]);
  });
});

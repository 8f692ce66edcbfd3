import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { graph, join, mesh, pause, plain, until } from './graphs.ts';
import { hand } from '../dam/wires.ts';

describe('with peers', () => {
  test('on hears what others put, and what they had put before', async (t) => {
    const { a, b } = await mesh(t);
    a.get('n').put({ v: 1, deep: { w: 2 } });
    const values: unknown[] = [];
    const deep: unknown[] = [];
    b.get('n').on((data) => values.push(data.v));
    b.get('n').get('deep').get('w').on((data) => deep.push(data));
    await until(() => deep.length > 0);
    a.get('n').get('v').put(2);
    a.get('n').get('deep').get('w').put(3);
    await until(() => values.at(-1) === 2 && deep.at(-1) === 3);
    await b.get('n').get('v').put(3, undefined, { acks: 1 });
    // The relay has it. Here is an older value, which is not good enough for who says that it waits.
    assert.equal(await a.get('n').get('v').once({ wait: 500 }), 3);
  });

  test('once asks the network, and is bounded where nobody answers', async (t) => {
    const { a, b } = await mesh(t);
    await a.get('far').put({ x: 1, deep: { y: 2 } }, undefined, { acks: 1 });
    assert.equal(await b.get('far').get('deep').get('y').once(), 2);
    assert.deepEqual(plain(await b.get('far').get('deep').once()), { y: 2 });
    assert.equal(await b.get('nowhere').once({ wait: 50 }), undefined);
    const silent = graph(t, { onceMs: 60 });
    hand(silent.peer.mesh, { pid: 'mute', dialled: true });
    assert.equal(await silent.get('nowhere').get('x').once(), undefined);
    assert.equal(await silent.get('nowhere').load({ wait: 50 }), undefined);
  });

  test('map gives items that are elsewhere', async (t) => {
    const { a, b } = await mesh(t);
    for (const name of ['ann', 'bob']) a.get('list').set({ _: { '#': name }, name });
    const names: unknown[] = [];
    b.get('list').map().once((data) => names.push(data.name));
    await until(() => names.length === 2);
    a.get('list').set({ _: { '#': 'carl' }, name: 'carl' });
    await until(() => names.length === 3);
    assert.deepEqual(names.sort(), ['ann', 'bob', 'carl']);
  });

  test('a nested put keeps the soul that a peer knows for the field', async (t) => {
    const { a, b } = await mesh(t);
    await a.get('doc').get('child').put({ _: { '#': 'named by a' }, v: 1 });
    await b.get('doc').get('child').put({ w: 2 });
    assert.deepEqual(plain(await b.get('named by a').once()), { v: 1, w: 2 });
    assert.equal(await b.get('doc/child').once({ wait: 20 }), undefined);
  });

  test('a nested put waits no longer than it may where a peer never answers, and reads after it see it', async (t) => {
    const gun = graph(t, { putMs: 80, onceMs: 60 });
    hand(gun.peer.mesh, { pid: 'mute', dialled: true });
    const order: string[] = [];
    const first = gun.get('a').get('b').get('c').put({ v: 1 }).then(() => order.push('put'));
    const second = gun.get('a').get('b').get('c').get('v').put(2).then(() => order.push('put again'));
    assert.equal(await gun.get('a').get('b').get('c').get('v').once(), 2);
    await Promise.all([first, second]);
    assert.deepEqual(order, ['put', 'put again']);
  });

  test('waits for a first peer where one is expected', async (t) => {
    const relay = graph(t, { relay: true });
    relay.get('x').put({ v: 1 });
    const gun = graph(t, { expectsPeers: true, onceMs: 5_000 });
    const found = gun.get('x').get('v').once();
    await pause(20);
    await join(gun, relay);
    assert.equal(await found, 1);
  });

  test('what was put while no peer was there arrives when one comes', async (t) => {
    const { relay, a, b, cutA } = await mesh(t);
    const heard: unknown[] = [];
    b.get('offline').get('v').on((data) => heard.push(data));
    cutA();
    const { stored } = await a.get('offline').put({ v: 1, deep: { w: 2 } });
    assert.equal(stored, 'memory');
    await pause(20);
    assert.deepEqual(heard, []);
    await join(a, relay);
    await until(() => heard.at(-1) === 1);
    assert.equal(await b.get('offline').get('deep').get('w').once(), 2);
  });

  test('acknowledgements: those wished for come, and their lack is told', async (t) => {
    const { a } = await mesh(t);
    const { acks, lack } = await a.get('acked').put({ v: 1 }, undefined, { acks: 1 });
    assert.equal(acks.length, 1);
    assert.notEqual(acks[0]?.from, 'local');
    assert.equal(lack, false);
    const told: unknown[] = [];
    const silent = graph(t);
    hand(silent.peer.mesh, { pid: 'mute', dialled: true });
    const late = await silent.get('x').put({ v: 1 }, (ack) => told.push([ack.err, ack.lack]), { acks: 1, lack: 50 });
    assert.equal(late.lack, true);
    assert.deepEqual(told, [['Error: No ACK yet.', true]]);
  });

  test('a callback tells of memory only where nobody else could keep it', async (t) => {
    const { a } = await mesh(t);
    const ack = await new Promise<{ from: string; err: unknown }>((resolve) => a.get('cb').put({ v: 1 }, resolve));
    assert.equal(ack.err, undefined);
    assert.notEqual(ack.from, 'local');
    const alone = graph(t);
    const local = await new Promise<{ from: string; stored: unknown }>((resolve) => alone.get('cb').put({ v: 1 }, resolve));
    assert.deepEqual([local.from, local.stored], ['local', 'memory']);
  });

  test('a put too large for one message arrives whole', async (t) => {
    const { a, b } = await mesh(t);
    const many = Object.fromEntries(Array.from({ length: 2_500 }, (_, at) => [`k${at}`, { text: 'x'.repeat(1_000), at }]));
    await a.get('large').put(many, undefined, { acks: 1 });
    assert.equal((await b.get('large').get('k2499').once({ wait: 5_000 }))?.at, 2_499);
    const list = plain(await b.get('large').once({ wait: 5_000 })) as Record<string, unknown>;
    assert.equal(Object.keys(list).length, 2_500);
  });
});

/** The realtime graph through the port. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { limits } from '../../src/rpc/limits.ts';
import { memoryGraph } from '../control/memory-graph.ts';
import { Client, narrow } from './client.ts';
import { graphOf, type GraphClient, type Told } from './graph-client.ts';
import { assail } from './mutations.ts';
import { engines, serve, token, until } from './serving.ts';

const timed = { timeout: 60_000 };

async function open(t: TestContext, engine: 'native' | 'wasm' = 'wasm') {
  const served = await serve(t, { engine });
  const { graph, peer } = memoryGraph();
  served.api.graph = graph;
  const client = new Client(served.server.port);
  t.after(() => client.close());
  const session = await client.login(token);
  return { ...served, peer, node: graph, client, session, graph: await graphOf(session) };
}

const numbers = async (graph: GraphClient, soul: string, count: number): Promise<string[]> => {
  const keys = Array.from({ length: count }, (_, index) => `k${String(index).padStart(6, '0')}`);
  for (let at = 0; at < count; at += limits.graphFields) await graph.put(soul, keys.slice(at, at + limits.graphFields).map((key, index) => [key, at + index] as const));
  return keys;
};

for (const engine of engines) {
  test(`every kind of value goes in and comes out, and souls and status are there (${engine})`, timed, async (t) => {
    const { graph, server, log } = await open(t, engine);
    assert.equal(server.engine, engine);
    const put = await graph.put('todo', { title: 'Grüße \u{1f44b}', count: -0.5, done: false, gone: null, next: { '#': 'todo/2' } });
    assert.equal(put.stored, 0);
    const { found, fields, next } = await graph.get('todo');
    assert.deepEqual([found, next, fields.map(({ state }) => state === put.state)], [true, '', [true, true, true, true, true]]);
    assert.deepEqual(fields.map(({ key, value }) => [key, value]), [['count', -0.5], ['done', false], ['gone', null], ['next', { '#': 'todo/2' }], ['title', 'Grüße \u{1f44b}']]);
    assert.deepEqual(await graph.get('absent'), { found: false, fields: [], next: '' });
    assert.deepEqual((await graph.get('todo', { key: 'done' })).fields.map(({ value }) => value), [false]);
    await graph.put('todo/2', { n: 1 });
    await graph.put('other', { n: 1 });
    assert.deepEqual(await graph.souls({ prefix: 'todo' }), { souls: ['todo', 'todo/2'], next: '' });
    assert.deepEqual(await graph.souls({ limit: 2 }), { souls: ['other', 'todo'], next: 'todo' });
    assert.deepEqual(await graph.souls({ limit: 2, after: 'todo' }), { souls: ['todo/2'], next: '' });
    const { isOn, storeName, fieldsAccepted } = await graph.status();
    assert.deepEqual([isOn, storeName, fieldsAccepted], [true, 'memory', 7n]);
    assert.deepEqual(log.filter((line) => line.includes('"level":"error"')), []);
  });

  test(`a watch tells what there is, then what changes, until it is released (${engine})`, timed, async (t) => {
    const { graph, peer, node } = await open(t, engine);
    await graph.put('a', { x: 1, y: 2 });
    const told: Told[] = [];
    const subscription = await graph.watch({ souls: ['a', 'b'] }, (change) => void told.push(change));
    await until('the beginning', () => told.length === 1);
    await graph.put('a', { x: 3 });
    await until('the change of a', () => told.length === 2);
    await graph.put('b', { z: true });
    await until('the change of b', () => told.length === 3);
    assert.deepEqual(told.map(({ sequence, lost, soul, fields }) => [sequence, lost, soul, fields]), [
      [1n, 0n, 'a', { x: 1, y: 2 }], [2n, 0n, 'a', { x: 3 }], [3n, 0n, 'b', { z: true }],
    ]);
    assert.ok(peer.stats().subscriptions === 2 && peer.stats().replica.watched > 0);
    subscription.release();
    await until('nothing is watched', () => peer.stats().subscriptions === 0 && peer.stats().replica.watched === 0);
    await node.put('a', { x: 4 });
    assert.equal(told.length, 3);
  });
}

/** The bytes of a client that does everything with a graph. */
async function recorded(port: number): Promise<{ sent: readonly Uint8Array[] }> {
  const client = new Client(port);
  const graph = await graphOf(await client.login(token));
  await graph.put('recorded', { text: 'x'.repeat(200), number: 1, bool: true, gone: null, link: { '#': 'other' } });
  await graph.get('recorded', { prefix: 't', from: 'a', to: 'z', after: 'b', limit: 2 });
  const subscription = await graph.watch({ souls: ['recorded', 'other'] }, () => undefined);
  await graph.watch({ prefix: 'rec', whole: true }, () => undefined);
  await graph.souls({ prefix: 'rec', after: 'a', limit: 1 });
  await graph.status();
  subscription.release();
  await graph.put('recorded', { number: 2 });
  client.close();
  await client.ended;
  return { sent: client.sent };
}

for (const engine of engines) {
  test(`mutated calls of the graph end their connection at most, and leave no watch (${engine})`, { timeout: 120_000 }, async (t) => {
    const { server, client, peer, log } = await open(t, engine);
    await assail(server.port, { sessions: 300, seed: 20_261_121, record: recorded });
    await until('they are gone', () => server.counts().connections === 1);
    await until('nothing of theirs is watched', () => peer.stats().subscriptions === 0 && peer.stats().replica.watched === 0);
    assert.deepEqual(log.filter((line) => line.includes('"level":"error"')), []);
    client.close();
    await until('their memory is given back', () => server.counts().memoryBytes === 0);
  });
}

test('a watch of whole nodes tells all of a node each time; one of a prefix tells of nodes that are new', timed, async (t) => {
  const { graph, peer, client } = await open(t);
  await graph.put('list/1', { x: 1, y: 2 });
  const told: Told[] = [];
  await graph.watch({ prefix: 'list/', whole: true }, (change) => void told.push(change));
  await until('the beginning', () => told.length === 1);
  await graph.put('list/1', { x: 3 });
  await until('the change', () => told.length === 2);
  await graph.put('elsewhere', { x: 0 });
  await graph.put('list/2', { z: 'new' });
  await until('the new node', () => told.length === 3);
  assert.deepEqual(told.map(({ soul, fields }) => [soul, fields]), [['list/1', { x: 1, y: 2 }], ['list/1', { x: 3, y: 2 }], ['list/2', { z: 'new' }]]);
  client.close();
  await until('the end of the connection ends the watch', () => peer.stats().subscriptions === 0);
});

test('a large node is read page by page, by any range, and watched in parts', timed, async (t) => {
  const { graph } = await open(t);
  const keys = await numbers(graph, 'wide', 9_000);
  for (const limit of [0, 2_000, 100_000]) {
    const got: string[] = [];
    for (let after = ''; ;) {
      const page = await graph.get('wide', { after, limit });
      assert.ok(page.fields.length <= Math.min(limit || limits.graphPageFields, limits.graphFields));
      got.push(...page.fields.map(({ key }) => key));
      if (page.next === '') break;
      after = page.next;
    }
    assert.deepEqual(got, keys);
  }
  const range = async (asked: Parameters<GraphClient['get']>[1]) => (await graph.get('wide', asked)).fields.map(({ value }) => value);
  assert.deepEqual(await range({ from: 'k000010', to: 'k000012' }), [10, 11, 12]);
  assert.deepEqual(await range({ prefix: 'k00123', after: 'k001236' }), [1237, 1238, 1239]);
  assert.deepEqual(await range({ from: 'l' }), []);
  const told: Told[] = [];
  await graph.watch({ souls: ['wide'] }, (change) => void told.push(change));
  await until('all of it', () => told.at(-1)?.more === false);
  assert.deepEqual(Object.keys(Object.assign({}, ...told.map(({ fields }) => fields))).sort(), keys);
  assert.deepEqual(told.map(({ more }) => more), Array.from({ length: told.length }, (_, index) => index < told.length - 1));
});

test('a page ends at its characters, with one field at least', timed, async (t) => {
  const { graph } = await open(t);
  const large = 'x'.repeat(3 * 1024 * 1024);
  await graph.put('heavy', { a: large, b: large, c: 1 });
  const first = await graph.get('heavy');
  assert.deepEqual([first.fields.map(({ key }) => key), first.next], [['a'], 'a']);
  const second = await graph.get('heavy', { after: 'a' });
  assert.deepEqual([second.fields.map(({ key }) => key), second.next], [['b', 'c'], '']);
});

test('a listener that is slower than the changes gets the last of each field, and of a prefix hears how many nodes it lost', timed, async (t) => {
  const { graph, node } = await open(t);
  const gate = Promise.withResolvers<void>();
  const told: Told[] = [];
  await graph.watch({ prefix: 'n' }, async (change) => {
    await gate.promise;
    told.push(change);
  });
  const nodes = 10_000;
  for (let round = 0; round < 2; round++) {
    await Promise.all(Array.from({ length: nodes }, (_, index) => node.put(`n${index}`, { round })));
  }
  gate.resolve();
  await until('the last one', () => told.at(-1)?.soul === `n${nodes - 1}` && told.at(-1)?.fields['round'] === 1, 30_000);
  const lost = told.reduce((sum, change) => sum + Number(change.lost), 0);
  assert.ok(lost > 0, 'nothing was lost, so nothing was bounded');
  assert.ok(told.length < 2 * nodes);
  assert.ok(told.every(({ sequence }, index) => sequence === BigInt(index + 1)));
});

test('rights: read and write apart, none for who reaches some objects only, none after a revocation', timed, async (t) => {
  const { session, graph, peer } = await open(t);
  await graph.put('a', { x: 1 });
  const reader = await narrow(session, { read: true });
  const reading = await graphOf(reader.session);
  assert.equal((await reading.get('a')).found, true);
  await assert.rejects(reading.put('a', { x: 2 }), /DENIED: /);
  await assert.rejects(reading.status(), /DENIED: /);
  const writing = await graphOf((await narrow(session, { write: true })).session);
  await writing.put('a', { x: 2 });
  await assert.rejects(writing.get('a'), /DENIED: /);
  await assert.rejects(writing.souls(), /DENIED: /);
  await assert.rejects(writing.watch({ souls: ['a'] }, () => undefined), /DENIED: /);
  await assert.rejects(graphOf((await narrow(session, { read: true, write: true, observe: true, onlyObjects: ['a'.repeat(64)] })).session), /DENIED: /);
  const told: Told[] = [];
  await reading.watch({ souls: ['a'] }, (change) => void told.push(change));
  await until('the beginning', () => told.length === 1);
  await reader.revoke();
  await until('the watch ends', () => peer.stats().subscriptions === 0);
  await assert.rejects(reading.get('a'), /DENIED: /);
});

test('what is out of bounds is refused with its code, and changes nothing', timed, async (t) => {
  const { graph, peer } = await open(t);
  const fields = (count: number) => Array.from({ length: count }, (_, index) => [`k${index}`, index] as const);
  await assert.rejects(graph.put('a', fields(limits.graphFields + 1)), /TOO_MANY: /);
  await assert.rejects(graph.put('a', {}), /USAGE: /);
  await assert.rejects(graph.put('', { x: 1 }), /USAGE: /);
  await assert.rejects(graph.put('a', { '': 1 }), /USAGE: /);
  await assert.rejects(graph.put('a', { _: 1 }), /USAGE: /);
  await assert.rejects(graph.put('a', [['__proto__', 1]]), /USAGE: /);
  await assert.rejects(graph.put('a', [['x', 1], ['x', 2]]), /USAGE: /);
  await assert.rejects(graph.put('a', { x: Number.NaN }), /USAGE: /);
  await assert.rejects(graph.put('a', { x: { '#': '' } }), /USAGE: /);
  await assert.rejects(graph.put('a', { x: 'y'.repeat(4 * 1024 * 1024) }), /USAGE: /);
  await assert.rejects(graph.get('a', { waitMs: limits.graphWaitMs + 1 }), /USAGE: /);
  await assert.rejects(graph.get(''), /USAGE: /);
  await assert.rejects(graph.watch({}, () => undefined), /USAGE: /);
  await assert.rejects(graph.watch({ souls: ['a'], prefix: 'a' }, () => undefined), /USAGE: /);
  await assert.rejects(graph.watch({ souls: Array.from({ length: limits.graphSouls + 1 }, (_, index) => `s${index}`) }, () => undefined), /TOO_MANY: /);
  const watches = await Promise.all(Array.from({ length: limits.subscriptionsPerConnection }, () => graph.watch({ souls: ['a'] }, () => undefined)));
  await assert.rejects(graph.watch({ souls: ['a'] }, () => undefined), /TOO_MANY: /);
  for (const each of watches) each.release();
  await until('all are given back', () => peer.stats().subscriptions === 0);
  assert.equal(peer.stats().replica.accepted, 0);
  assert.equal((await graph.get('a')).found, false);
});

test('a node without a graph says so', timed, async (t) => {
  const { server } = await serve(t);
  const client = new Client(server.port);
  t.after(() => client.close());
  const graph = await graphOf(await client.login(token));
  assert.equal((await graph.status()).isOn, false);
  await assert.rejects(graph.get('a'), /NOT_SUPPORTED: .*--graph-addr/);
  await assert.rejects(graph.souls(), /NOT_SUPPORTED: /);
});

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { Gun } from '../../../src/graph/gun/node.ts';
import type { GunChain } from '../../../src/graph/gun/gun.ts';
import { pause, until } from '../chain/graphs.ts';

interface Insides {
  readonly _: { close(): Promise<void>; readonly graph: Record<string, Record<string, unknown>>; on(name: string, listener: unknown): unknown };
}

const insides = (gun: GunChain): Insides['_'] => (gun as unknown as Insides)._;

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'gun-drop-in-'));
  t.after(() => rm(made, { recursive: true, force: true }));
  return join(made, 'data');
}

function open(t: TestContext, options: Record<string, unknown>): GunChain {
  const gun = Gun({ ...options });
  t.after(() => insides(gun).close());
  return gun;
}

describe('Gun', () => {
  test('keeps a folder, which a later graph reads', async (t) => {
    const file = await folder(t);
    const first = Gun({ file });
    const ack = await new Promise<{ ok: unknown; stored: string }>((resolve) => first.get('a').get('b').put({ c: 1 }, resolve));
    assert.deepEqual([ack.ok, ack.stored], [true, 'disk']);
    await insides(first).close();
    const second = open(t, { file });
    assert.equal(await second.get('a').get('b').get('c'), 1);
  });

  test('graphs of one folder see each other at once, and each has its own user', async (t) => {
    const file = await folder(t);
    const one = open(t, { file });
    const two = open(t, { file });
    const heard: unknown[] = [];
    two.get('shared').get('v').on((v: unknown) => heard.push(v));
    one.get('shared').get('v').put(1);
    await until(() => heard.length === 1);
    const alice = (await Gun.SEA.pair()) as { pub: string };
    one.user().auth(alice);
    const signed = await new Promise<{ err?: string }>((resolve) => one.user().get('mine').put('hers', resolve));
    assert.equal(signed.err, undefined);
    const forged = await new Promise<{ err?: string }>((resolve) => two.get(`~${alice.pub}`).get('mine').put('forged', resolve));
    assert.equal(forged.err, 'Unverified data.');
    assert.equal(await two.user(alice.pub).get('mine'), 'hers');
  });

  test('serves on an HTTP server as a relay, and knows its peers by URL', async (t) => {
    const server: Server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    open(t, { file: await folder(t), web: server });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/gun`;
    const a = open(t, { peers: [url], radisk: false });
    const b = open(t, { radisk: false });
    const came: string[] = [];
    b.on('hi', () => came.push('hi'));
    b.opt({ peers: url });
    const heard: unknown[] = [];
    b.get('list').map().on((item: { n: number }) => heard.push(item.n));
    await until(() => came.length > 0);
    a.get('list').set({ n: 1 });
    await until(() => heard.length === 1);
    assert.deepEqual(Object.keys(b.back('opt.peers')), [url]);
  });

  test('is callable with and without new; is, valid and state are as in GUN; chains carry words of the program', (t) => {
    const gun = new Gun({ radisk: false });
    t.after(() => insides(gun).close());
    assert.equal(Gun.is(gun), true);
    assert.equal(gun instanceof (Gun as unknown as new () => object), true);
    assert.equal(Gun.is({}), false);
    assert.equal(Gun(gun), gun);
    assert.deepEqual([Gun.valid('x'), Gun.valid({ '#': 's' }), Gun.valid({}), Gun.valid(Number.NaN)], [true, 's', false, false]);
    const earlier = Gun.state();
    assert.equal(Gun.state() > earlier, true);
    const node = Gun.state.ify({}, 'k', 7, 'v', 'soul');
    assert.deepEqual([node, Gun.state.is(node, 'k')], [{ _: { '#': 'soul', '>': { k: 7 } }, k: 'v' }, 7]);
    const { chain } = Gun as unknown as { chain: Record<string, unknown> };
    chain.twice = function (this: GunChain, value: number) {
      return this.put(value * 2);
    };
    (gun.get('n').get('v') as unknown as { twice(value: number): void }).twice(4);
    delete chain.twice;
    gun.get('n').get('v').once((v: unknown) => assert.equal(v, 8));
    assert.equal(Object.hasOwn(String, 'random') || Object.hasOwn(setTimeout, 'turn'), false);
  });

  test('keys of no length reach the callback, unset takes out of a set, a graph can be looked at', async (t) => {
    const gun = open(t, { radisk: false });
    const errors: unknown[] = [];
    gun.get('', (ack: { err: string }) => errors.push(ack.err));
    gun.get('', (ack: { err: string }) => errors.push(ack.err)).get('x').on(() => errors.push('called'));
    assert.deepEqual(errors, ['0 length key!', '0 length key!']);
    const item = gun.get('set').set({ name: 'x' });
    gun.get('set').unset(item);
    await pause(1);
    assert.deepEqual(Object.values(await gun.get('set')).filter((value) => value === null), [null]);
    assert.equal(insides(gun).graph.set?._ !== undefined && Object.keys(insides(gun).graph).includes('set'), true);
  });

  test('plugins hear what goes out and give what comes in, past the same checks', async (t) => {
    const gun = open(t, { radisk: false });
    const out: Record<string, unknown>[] = [];
    insides(gun).on('out', (message: Record<string, unknown>) => out.push(message));
    gun.get('sent').put({ v: 1 });
    await until(() => out.some(({ put }) => Object.hasOwn((put as object) ?? {}, 'sent')));
    insides(gun).on('in', { '#': 'm1', put: { came: { _: { '#': 'came', '>': { v: 5 } }, v: 2 } }, $: gun });
    insides(gun).on('in', { '#': 'm2', put: { bad: { _: { '#': 'other', '>': { v: 5 } }, v: 2 } } });
    const circle: Record<string, unknown> = { put: 1 };
    circle.circle = circle;
    insides(gun).on('in', circle);
    const heard: unknown[] = [];
    gun.get('came').get('v').on((v: unknown) => heard.push(v));
    await until(() => heard.length > 0);
    assert.deepEqual(heard, [2]);
    assert.equal(insides(gun).graph.bad, undefined);
  });
});

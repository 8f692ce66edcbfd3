import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { type DamLimits, defaultLimits } from '../../../src/graph/dam/limits.ts';
import { ManualClock } from '../../peers/manual-clock.ts';
import { plainPeer, type PlainPeer } from './plain-peer.ts';
import { hand, settle } from './wires.ts';

function open(t: TestContext, limits: Partial<DamLimits> = {}): PlainPeer {
  const peer = plainPeer({ limits });
  t.after(() => peer.close());
  return peer;
}

const meta = (soul: unknown, states: unknown): Record<string, unknown> => ({ '#': soul, '>': states });
const put = (graph: unknown): Record<string, unknown> => ({ '#': 'm', put: graph });
const field = (value: unknown, state: unknown = 1): Record<string, unknown> => put({ n: { _: meta('n', { v: state }), v: value } });

/** Each as a whole frame. The first five end a relay of gun.js. */
const frames: readonly string[] = [
  '[{"#":"q"', '{"dam":"constructor"}', '{"dam":"d"}', '{"dam":"one"}', '{"dam":"c"}',
  '', '[', '{', '"', 'hello', 'null', 'true', '5', '-1e999', '"text"', '[]', '{}', '[[]]', '[null]', '[5,"x",[],{}]', '[[[[[[[[{"#":"deep"}]]]]]]]]',
  '{"#":"q", nope', '{"#":{}}', '{"#":[]}', '{"#":"", "put":1}', '{"dam":{}}', '{"dam":"__proto__"}', '{"dam":"toString"}', '{"dam":"hasOwnProperty","#":"x"}',
  '{"dam":"?"}', '{"dam":"?","pid":{}}', '{"dam":"!","err":"x"}', '{"dam":"opt","opt":{"peers":"http://127.0.0.1:1/gun"}}', '{"dam":"mob","peers":{"http://127.0.0.1:1/gun":{}}}',
  '{"dam":"pangea","v":"nodes","b":{"s":1}}', '{"dam":"rtc","ok":{"rtc":{}}}', '{"nts":1}', '{"@":"nobody","ok":true}', '{"@":{},"ok":true}', '{"@":"x","put":null}',
  '{"#":"m","put":"text"}', '{"#":"m","put":[]}', '{"#":"m","put":{"a":null}}', '{"#":"m","put":{"a":{"v":1}}}',
  '{"#":"m","put":{"__proto__":{"_":{"#":"__proto__",">":{"polluted":1}},"polluted":1}}}',
  '{"#":"m","put":{"n":{"_":{"#":"n",">":{"__proto__":1}},"__proto__":1}}}',
  '{"#":"m","put":{"constructor":{"_":{"#":"constructor",">":{"prototype":1}},"prototype":1}}}',
  ...[put({ n: { _: meta('other', { v: 1 }), v: 1 } }), put({ n: { _: meta('n', {}), v: 1 } }), put({ n: { _: meta('n', null), v: 1 } }), put({ n: { _: 'x', v: 1 } }),
    field([1, 2]), field({}), field({ '#': '' }), field({ '#': 'a', b: 1 }), field({ '#': 5 }), field(1, null), field(1, '1'), field(1, {}), field(1, 1e308),
    { '#': 'm', get: 5 }, { '#': 'm', get: [] }, { '#': 'm', get: {} }, { '#': 'm', get: { '#': '' } }, { '#': 'm', get: { '#': {} } }, { '#': 'm', get: { '#': 'x', '.': [] } },
    { '#': 'm', get: { '#': { '*': 5 } } }, { '#': 'm', get: { '#': 'x', '.': { '*': 'a', '%': -1 } } }, { '#': 'm', '><': {}, get: { '#': 'x' } }, { '#': 'm', '##': {}, get: { '#': 'x' } },
    { '#': 'm', ok: { '@': 1e9, '/': {} }, put: {} }, { '#': '__proto__', '@': '__proto__', '><': '__proto__' }].map((message) => JSON.stringify(message)),
];

test('malformed frames, those that end gun.js among them, change nothing but counters', async (t) => {
  const { mesh, replica, value } = open(t);
  const relay = hand(mesh, { pid: 'relay' });
  await settle();
  const heard = relay.heard.length;
  for (const [at, frame] of frames.entries()) {
    // Own ids, or one would be the duplicate of another; an own connection, or the first would get all others closed.
    const peer = hand(mesh, { name: `10.1.0.${at}`, pid: `p${at}`, leaf: true });
    peer.raw(frame.replaceAll('"#":"m"', `"#":"m${at}"`));
    await settle(2);
    peer.hang();
  }
  await settle();
  assert.deepEqual([replica.stats().fieldsInMemory, replica.stats().accepted], [0, 0]);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  assert.equal(relay.heard.slice(heard).some(({ put: passed }) => passed), false, 'a refused put was passed on');
  assert.equal(mesh.peers().length, 1);
  const good = hand(mesh, { pid: 'good' });
  good.say({ '#': 'fine', put: { n: { _: meta('n', { v: 1 }), v: 'ok' } } });
  await settle();
  assert.equal(value('n', 'v'), 'ok');
});

test('no frame makes the mesh throw, whatever it holds', async (t) => {
  const { mesh } = open(t, { scoreLimit: Number.POSITIVE_INFINITY });
  const peer = hand(mesh, { pid: 'p' });
  const word = fc.constantFrom('#', '@', '##', '><', 'put', 'get', 'dam', 'ok', 'err', '.', '_', '>', '*', '<', '=', '-', '%', 'pid', 'pangea', 'v', 'b', 'n', '__proto__', 'constructor', '?', 'hi', '!');
  const json = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 6 }, word, fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 4 }), tie('object')),
    object: fc.array(fc.tuple(fc.oneof(word, fc.string()), tie('value')), { maxLength: 6 }).map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`).map((text) => JSON.parse(text) as unknown),
  }));
  fc.assert(fc.property(fc.oneof(json.object.map((value) => JSON.stringify(value)), json.value.map((value) => JSON.stringify(value)), fc.string()), (frame) => {
    peer.raw(frame);
  }), { numRuns: 3000, seed: 7 });
  await settle();
  assert.equal(Object.keys(Object.prototype).length, 0);
});

test('frames, batches, ids, graphs beyond their limits are refused and counted by name', async (t) => {
  const { mesh, replica } = open(t, { frameChars: 2000, batchMessages: 5, nodesPerPut: 2, fieldsPerNode: 3, soulChars: 20, keyChars: 20, valueChars: 100, depth: 6 });
  const peer = hand(mesh, { pid: 'p' });
  const node = (soul: string, fields: Record<string, unknown>): Record<string, unknown> => ({ [soul]: { _: meta(soul, Object.fromEntries(Object.keys(fields).map((key) => [key, 1]))), ...fields } });
  peer.raw(' '.repeat(2001));
  peer.say(Array.from({ length: 6 }, () => ({})));
  peer.say({ '#': 'a1', put: { ...node('a', { v: 1 }), ...node('b', { v: 1 }), ...node('c', { v: 1 }) } });
  peer.say({ '#': 'a2', put: node('a', { a: 1, b: 1, c: 1, d: 1 }) });
  peer.say({ '#': 'a3', put: node('s'.repeat(21), { v: 1 }) });
  peer.say({ '#': 'a4', put: node('a', { v: 'x'.repeat(101) }) });
  peer.say({ '#': 'i'.repeat(200), put: node('a', { v: 1 }) });
  await settle();
  assert.deepEqual(mesh.stats().violations, { 'message-size': 2, nodes: 2, structure: 2, value: 1 });
  assert.equal(replica.stats().accepted, 0);
  assert.ok(peer.heard.some(({ dam, err }) => dam === '!' && err === 'Message too big!'));
  const deep = hand(mesh, { name: '10.0.0.10' });
  deep.raw('[[[[[[[]]]]]]]');
  deep.raw(`{"#":"d","ok":${'{"a":'.repeat(7)}1${'}'.repeat(7)}}`);
  deep.raw(`{"#":"e","@":"x","err":"[[[[[[[[ \\"[[[[[[["}`);
  assert.equal(mesh.stats().violations.depth, 2);
});

test('an address that goes on breaking rules is closed and kept out for a time, this machine only closed', async (t) => {
  const { mesh, violations } = open(t, { scoreLimit: 20 });
  const bad = hand(mesh, { pid: 'bad' });
  const same = hand(mesh, { pid: 'same' });
  const local = hand(mesh, { name: '127.0.0.1', pid: 'local' });
  const neighbour = hand(mesh, { name: '127.0.0.1', pid: 'neighbour' });
  for (const peer of [bad, local]) for (let at = 0; at < 5; at++) peer.raw('not json');
  await settle();
  assert.deepEqual([bad.closed, same.closed, local.closed, neighbour.closed], ['banned', 'banned', 'banned', undefined]);
  assert.equal(hand(mesh, { pid: 'again' }).closed, 'connections');
  assert.equal(hand(mesh, { name: '127.0.0.1' }).closed, undefined);
  assert.equal(violations.at(-1), 'connections');
  // One line has a whole /64 of IPv6.
  const six = hand(mesh, { name: '2001:db8:0:1::5', pid: 'six' });
  for (let at = 0; at < 5; at++) six.raw('not json');
  await settle();
  const closed = ['2001:db8:0:1:a:b:c:d', '2001:DB8::1:0:0:0:9', '2001:db8:0:2::5', '2001:db8::1'].map((name) => hand(mesh, { name }).closed);
  assert.deepEqual([six.closed, ...closed], ['banned', 'connections', 'connections', undefined, undefined]);
});

test('one address has a limited number of connections', (t) => {
  const { mesh } = open(t, { connectionsPerAddress: 2 });
  const [first, second, third] = [hand(mesh), hand(mesh), hand(mesh)];
  assert.deepEqual([first.closed, second.closed, third.closed], [undefined, undefined, 'connections']);
  first.hang();
  assert.equal(hand(mesh).closed, undefined);
});

test('who writes faster than allowed is held back, and loses nothing', async (t) => {
  const clock = new ManualClock();
  const { mesh, replica, violations } = plainPeer({ clock, limits: { writesPerSecond: 1000 } });
  t.after(() => mesh.close());
  const peer = hand(mesh, { pid: 'p' });
  for (let at = 0; at < 1200; at++) peer.say({ '#': `w${at}`, put: { n: { _: meta('n', { [`k${at}`]: 1 }), [`k${at}`]: at } } });
  // The one that overdraws the account is still taken.
  assert.equal(replica.stats().accepted, 1001);
  await clock.advance(100);
  assert.ok(replica.stats().accepted < 1150);
  await clock.advance(1000);
  assert.equal(replica.stats().accepted, 1200);
  assert.ok(violations.every((violation) => violation === 'writes-rate') && violations.length > 0);
});

test('a reader that is slow gets the last of what it missed, one that does not read is closed', async (t) => {
  const { mesh, write } = open(t, { backlogBytes: 1000, heldChars: 20_000 });
  const slow = hand(mesh, { pid: 'slow' });
  await settle();
  slow.buffered = 5000;
  const before = slow.heard.length;
  for (let at = 0; at < 1000; at++) write('n', { v: at });
  await settle();
  assert.equal(slow.heard.length, before);
  slow.buffered = 0;
  await settle(60);
  const missed = slow.heard.slice(before).filter(({ put: passed }) => passed) as { put: { n: { v: number } } }[];
  assert.deepEqual(missed.map(({ put: passed }) => passed.n.v), [999]);
  slow.buffered = 5000;
  for (let at = 0; at < 1000 && slow.closed === undefined; at++) write(`n${at}`, { text: 'x'.repeat(100) });
  await settle();
  assert.equal(slow.closed, 'backlog');
});

test('a frame with very many messages does not keep the process from others', async (t) => {
  const { mesh, replica } = open(t);
  const peer = hand(mesh, { pid: 'p' });
  const batch = Array.from({ length: 20_000 }, (_, at) => ({ '#': `b${at}`, put: { [`s${at}`]: { _: meta(`s${at}`, { v: 1 }), v: at } } }));
  peer.say(batch);
  const turns: number[] = [];
  while (replica.stats().accepted < batch.length && turns.length < 10_000) {
    await settle(1);
    turns.push(replica.stats().accepted);
  }
  assert.equal(turns.at(-1), batch.length);
  assert.ok(turns.length > 3, `${turns.length} turns`);
});

test('what was merged for a slow wire goes out in messages that others take, however long the values', async (t) => {
  const { mesh, write } = open(t, { backlogBytes: 1000 });
  const slow = hand(mesh, { pid: 'slow' });
  await settle();
  slow.buffered = 5000;
  const before = slow.frames.length;
  for (let at = 0; at < 60; at++) write(`n${at}`, { text: 'x'.repeat(100_000) });
  slow.buffered = 0;
  await settle(60);
  assert.equal(slow.heard.filter(({ put: passed }) => passed).flatMap(({ put: passed }) => Object.keys(passed as object)).length, 60);
  for (const frame of slow.frames.slice(before)) assert.ok(frame.length <= defaultLimits.frameChars, `${frame.length} characters`);
});

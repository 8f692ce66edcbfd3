import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { plainPeer, type PlainPeer } from './plain-peer.ts';
import { connect, hand, settle } from './wires.ts';

const node = (soul: string, fields: Readonly<Record<string, unknown>>, state = 1): Record<string, unknown> => ({
  [soul]: { _: { '#': soul, '>': Object.fromEntries(Object.keys(fields).map((key) => [key, state])) }, ...fields },
});

let seed = 1;
function open(t: TestContext, options: Parameters<typeof plainPeer>[0] = {}): PlainPeer {
  const peer = plainPeer({ seed: seed++, ...options });
  t.after(() => peer.close());
  return peer;
}

test('a peer that comes is asked for its name and told ours when it asks', (t) => {
  const { mesh, peers } = open(t, { pid: 'relay' });
  const a = hand(mesh);
  assert.partialDeepStrictEqual(a.heard, [{ dam: '?', pid: 'relay' }]);
  a.say({ dam: '?', pid: 'a', '#': 'q1' });
  assert.partialDeepStrictEqual(a.heard[1], { dam: '?', pid: 'relay', '@': 'q1' });
  assert.deepEqual(peers.map(({ pid, relay, pangea }) => ({ pid, relay, pangea })), [{ pid: 'a', relay: true, pangea: false }]);
  a.say({ dam: 'hi', '#': 'h1' });
  assert.equal(peers[0]?.relay, false);
});

test('a leaf that comes back without saying hi, as gun.js does, is a leaf still', (t) => {
  const { mesh, peers } = open(t);
  hand(mesh, { pid: 'a', leaf: true }).hang();
  assert.equal(peers.length, 0);
  hand(mesh, { pid: 'a' });
  assert.deepEqual(peers.map(({ relay }) => relay), [false]);
});

test('relays get every put under its own id, leaves what they asked for, and the writer an acknowledgement', async (t) => {
  const { mesh } = open(t);
  const writer = hand(mesh, { pid: 'w', leaf: true });
  const relay = hand(mesh, { pid: 'r' });
  const whole = hand(mesh, { pid: 'whole', leaf: true });
  const other = hand(mesh, { pid: 'other', leaf: true });
  const none = hand(mesh, { pid: 'none', leaf: true });
  whole.say({ '#': 'g1', get: { '#': 'mark' } });
  other.say({ '#': 'g2', get: { '#': 'mark', '.': 'age' } });
  await settle();
  writer.say({ '#': 'p1', put: node('mark', { name: 'Mark' }), ok: { '@': 3, '/': 1 } });
  await settle();
  const got = (each: typeof relay): unknown[] => each.heard.filter(({ put, '@': answers }) => put !== undefined && answers === undefined);
  assert.deepEqual(got(relay), [{ '#': 'p1', '><': 'w,r,whole', ok: { '@': 2, '/': 2 }, put: node('mark', { name: 'Mark' }) }]);
  assert.deepEqual(got(whole), got(relay));
  assert.deepEqual(got(other), []);
  assert.deepEqual(got(none), []);
  assert.deepEqual(got(writer), []);
  assert.partialDeepStrictEqual(writer.heard.at(-1), { '@': 'p1', ok: true });
  writer.say({ '#': 'p2', put: node('mark', { age: 42 }) });
  await settle();
  assert.equal(got(other).length, 1);
});

test('what is not accepted is not passed on: neither old nor malformed', async (t) => {
  const { mesh, violations } = open(t);
  const writer = hand(mesh, { pid: 'w', leaf: true });
  const relay = hand(mesh, { pid: 'r' });
  writer.say({ '#': 'p1', put: node('a', { x: 2 }, 2) });
  await settle();
  const before = relay.heard.length;
  writer.say({ '#': 'p2', put: node('a', { x: 1 }, 1) });
  writer.say({ '#': 'p3', put: { ...node('a', { y: 1 }), ...node('b', { bad: [1, 2] }) } });
  await settle();
  assert.equal(relay.heard.length, before);
  assert.deepEqual(violations, ['value']);
  assert.match(String(writer.heard.find(({ '@': answers }) => answers === 'p3')?.['err']), /Invalid graph/);
});

test('the news in a put that is half old goes on under a new id, and its acknowledgement comes back under the old one', async (t) => {
  const { mesh } = open(t);
  const writer = hand(mesh, { pid: 'w', leaf: true });
  const relay = hand(mesh, { pid: 'r' });
  writer.say({ '#': 'p1', put: node('a', { x: 1 }) });
  await settle();
  writer.say({ '#': 'p2', put: node('a', { x: 1, y: 2 }) });
  await settle();
  const passed = relay.heard.at(-1) as { '#': string; put: unknown };
  assert.notEqual(passed['#'], 'p2');
  assert.deepEqual(passed.put, node('a', { y: 2 }));
  relay.say({ '#': 'k1', '@': passed['#'], ok: true });
  assert.deepEqual(writer.heard.find(({ '#': id }) => id === 'k1'), { '#': 'k1', '@': 'p2', ok: true });
});

test('one id is handled once, whatever it says the second time', async (t) => {
  const { mesh, value } = open(t);
  const a = hand(mesh, { pid: 'a' });
  a.say({ '#': 'p1', put: node('a', { x: 1 }) });
  a.say({ '#': 'p1', put: node('a', { x: 2 }, 2) });
  await settle();
  assert.equal(value('a', 'x'), 1);
  assert.equal(mesh.stats().duplicates, 1);
});

test('peers named in >< are left out', async (t) => {
  const { mesh } = open(t);
  const a = hand(mesh, { pid: 'a' });
  const b = hand(mesh, { pid: 'b' });
  const c = hand(mesh, { pid: 'c' });
  a.say({ '#': 'p1', '><': 'b', put: node('a', { x: 1 }) });
  await settle();
  assert.equal(b.heard.some(({ put }) => put), false);
  assert.equal(c.heard.some(({ put }) => put), true);
});

test('a get is answered sorted and in pieces of nine keys, each naming the next', async (t) => {
  const { mesh, write } = open(t);
  write('big', Object.fromEntries(Array.from({ length: 25 }, (_, at) => [`k${String(24 - at).padStart(2, '0')}`, at])), 1);
  const a = hand(mesh, { pid: 'a', leaf: true });
  a.say({ '#': 'g1', get: { '#': 'big' } });
  await settle();
  const pieces = a.heard.filter(({ '@': answers }) => answers === 'g1') as { '#': string; '%'?: string; '##': number; put: { big: Record<string, unknown> } }[];
  assert.deepEqual(pieces.map(({ put }) => Object.keys(put.big).length - 1), [8, 9, 8]);
  assert.deepEqual(pieces.map(({ '%': next }) => next), [pieces[1]?.['#'], pieces[2]?.['#'], undefined]);
  assert.deepEqual(pieces.flatMap(({ put }) => Object.keys(put.big).filter((key) => key !== '_')).toSorted(), Array.from({ length: 25 }, (_, at) => `k${String(at).padStart(2, '0')}`));
  a.say({ '#': 'g2', '##': pieces[0]?.['##'], get: { '#': 'big' } });
  await settle();
  assert.equal(a.heard.filter(({ '@': answers }) => answers === 'g2').length, 3, 'a hash of the first piece says nothing of the others');
});

test('who has it already is not told again; who asks for nothing there is told so', async (t) => {
  const { mesh, write } = open(t);
  write('a', { x: 1 }, 1);
  const a = hand(mesh, { pid: 'a', leaf: true });
  a.say({ '#': 'g1', get: { '#': 'a', '.': 'x' } });
  await settle();
  const { '##': hash } = a.heard.at(-1) as { '##': number };
  a.say({ '#': 'g2', '##': hash, get: { '#': 'a', '.': 'x' } });
  a.say({ '#': 'g3', get: { '#': 'nobody' } });
  await settle();
  assert.equal(a.heard.some(({ '@': answers }) => answers === 'g2'), false);
  assert.deepEqual(Object.keys(a.heard.find(({ '@': answers }) => answers === 'g3') ?? {}), ['#', '@']);
});

test('questions travel over relays and leaves, answers the same way back and to nobody else', async (t) => {
  const chain = Array.from({ length: 5 }, (_, at) => open(t, { pid: `relay${at}` }));
  for (let at = 1; at < chain.length; at++) connect((chain[at] as PlainPeer).mesh, (chain[at - 1] as PlainPeer).mesh, { dialler: `10.0.0.${at}`, acceptor: `ws://relay${at - 1}/gun` });
  const asker = hand((chain[0] as PlainPeer).mesh, { pid: 'asker', leaf: true });
  const bystander = hand((chain[2] as PlainPeer).mesh, { pid: 'bystander', leaf: true });
  (chain[4] as PlainPeer).replica.merge([{ soul: 'far', fields: [{ key: 'x', value: 'away', state: 1 }] }], 'local');
  await settle();
  asker.say({ '#': 'g1', get: { '#': 'far' } });
  await settle(60);
  assert.deepEqual(asker.heard.filter(({ '@': answers, put }) => answers === 'g1' && put).map(({ put }) => put), [node('far', { x: 'away' })]);
  assert.equal(bystander.heard.some(({ put }) => put), false);
  // Relays on the way have it now.
  assert.equal(chain[2]?.value('far', 'x'), 'away');
});

test('in a cycle of relays a put comes to all and to rest, and acknowledgements find the writer', async (t) => {
  const ring = Array.from({ length: 4 }, (_, at) => open(t, { pid: `r${at}` }));
  ring.forEach((each, at) => connect(each.mesh, (ring[(at + 1) % ring.length] as PlainPeer).mesh, { dialler: `10.0.1.${at}`, acceptor: `ws://r${at}/gun` }));
  await settle();
  const id = (ring[0] as PlainPeer).write('soul', { key: 'value' });
  await settle(60);
  for (const each of ring) assert.equal(each.value('soul', 'key'), 'value');
  assert.ok((ring[0] as PlainPeer).acks.filter(({ answers, ok }) => answers === id && ok === true).length >= 2);
  const sent = ring.reduce((sum, { mesh }) => sum + mesh.stats().messagesOut, 0);
  await settle(60);
  assert.equal(ring.reduce((sum, { mesh }) => sum + mesh.stats().messagesOut, 0), sent, 'still talking');
});

test('a question of ours is answered to us, with data or the word that there is none', async (t) => {
  const [a, b] = [open(t, { pid: 'a' }), open(t, { pid: 'b' })];
  connect(a.mesh, b.mesh);
  await settle();
  b.replica.merge([{ soul: 's', fields: [{ key: 'k', value: 1, state: 1 }] }], 'local');
  const found = a.mesh.get({ soul: 's', key: 'k' });
  const missing = a.mesh.get({ soul: 'none' });
  assert.deepEqual([found.peers, missing.peers], [1, 1]);
  await settle();
  assert.deepEqual(a.puts.map(({ answers, notFound, deltas }) => ({ answers, notFound, fields: deltas.length })).toSorted((x, y) => y.fields - x.fields), [
    { answers: found.id, notFound: false, fields: 1 }, { answers: missing.id, notFound: true, fields: 0 },
  ]);
});

test('a relay that was dialled twice, or that is this very process, is left', async (t) => {
  const [a, b] = [open(t, { pid: 'a' }), open(t, { pid: 'b' })];
  const first = hand(a.mesh, { dialled: true, name: 'ws://one/gun', pid: 'b' });
  const second = hand(a.mesh, { dialled: true, name: 'ws://two/gun', pid: 'b' });
  const self = hand(b.mesh, { dialled: true, pid: 'b' });
  assert.deepEqual([first.closed, second.closed, self.closed], [undefined, 'duplicate', 'self']);
  // Somebody who comes and says the same name changes nothing for the wire that we dialled.
  const liar = hand(a.mesh, { pid: 'b' });
  a.write('s', { k: 1 });
  await settle();
  assert.equal(first.closed, undefined);
  assert.ok(first.heard.some(({ put }) => put));
  assert.equal(liar.heard.some(({ put }) => put), false);
});

test('peers of ours know each other, and only they hear extensions', async (t) => {
  const [a, b] = [open(t, { pid: 'a' }), open(t, { pid: 'b' })];
  connect(a.mesh, b.mesh);
  const gun = hand(b.mesh, { pid: 'gun' });
  await settle();
  for (const peer of b.mesh.peers()) b.mesh.extension('digest', { root: '00' }, peer);
  await settle();
  assert.deepEqual(a.extensions, [{ verb: 'digest', body: { root: '00' } }]);
  assert.equal(gun.heard.some(({ dam }) => dam === 'pangea'), false);
  gun.say({ dam: 'pangea', '#': 'e1', v: 'digest', b: {} });
  assert.deepEqual(b.extensions, []);
});

test('a put that fits into no frame goes in parts, of which the last speaks for all', async (t) => {
  const { mesh, replica, acks } = open(t, { limits: { putChars: 1000 } });
  const a = hand(mesh, { pid: 'a' });
  const fields = Array.from({ length: 100 }, (_, at) => ({ key: `k${at}`, value: at, state: 1 }));
  replica.merge([{ soul: 'wide', fields }], 'local');
  const { id } = mesh.put([{ soul: 'wide', fields }], { acks: 1 });
  await settle();
  const parts = a.heard.filter(({ put }) => put) as { '#': string; ok?: unknown; put: { wide: object } }[];
  assert.ok(parts.length > 5);
  assert.deepEqual(parts.flatMap(({ put }) => Object.keys(put.wide).filter((key) => key !== '_')), fields.map(({ key }) => key));
  assert.deepEqual(parts.map((part) => part['#'] === id), parts.map((_, at) => at === parts.length - 1));
  for (const part of parts) a.say({ '#': `k${part['#']}`, '@': part['#'], ok: true });
  assert.deepEqual(acks.map(({ answers }) => answers), [id]);
});

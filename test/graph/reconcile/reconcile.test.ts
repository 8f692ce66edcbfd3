import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createMesh } from '../../../src/graph/dam/create.ts';
import { localSoul } from '../../../src/graph/data/local-soul.ts';
import type { Delta } from '../../../src/graph/data/types.ts';
import { createGraphPeer } from '../../../src/graph/peer/create.ts';
import type { GraphPeer, Guard } from '../../../src/graph/peer/peer.ts';
import { createReconciler } from '../../../src/graph/reconcile/create.ts';
import { type ReconcileLimits, reconcileLimits } from '../../../src/graph/reconcile/limits.ts';
import { readNodes, readSouls } from '../../../src/graph/reconcile/messages.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { seededRandom, systemClock as clock } from '../../../src/std/std.ts';
import { connect, hand, settle } from '../dam/wires.ts';
import { until } from '../wire/our-node.ts';

type OurPeer = GraphPeer & { digest(): string | undefined };

function peer(t: TestContext, seed: number, limits: Partial<ReconcileLimits> = {}, guard?: Guard): OurPeer {
  const random = seededRandom(seed);
  const made = createGraphPeer({
    store: new MemoryStore(), clock, random, reconcile: createReconciler({ clock, limits }), ...(guard && { guard }),
    mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay: true }),
  }) as OurPeer;
  t.after(() => made.close());
  return made;
}

function delta(soul: string, at: number, state = 1000 + at): Delta {
  return { soul, fields: ['name', 'age', 'link'].map((key, place) => ({ key, value: place === 2 ? { '#': `other/${at}` } : place === 1 ? at : `text ${at}`, state: state + place })) };
}

/** Past the mesh, as if it had been here before the peers met. */
async function hold(each: GraphPeer, deltas: readonly Delta[]): Promise<void> {
  for (const one of deltas) await each.put([one]);
}

const range = (from: number, to: number): Delta[] => Array.from({ length: to - from }, (_, at) => delta(`soul/${String(from + at).padStart(6, '0')}`, from + at));
const same = (a: OurPeer, b: OurPeer): boolean => a.digest() !== undefined && a.digest() === b.digest();

for (const [name, ours, theirs] of [
  ['an empty peer that dials gets all', [], range(0, 3000)],
  ['an empty peer that is dialled gets all', range(0, 3000), []],
  ['both get what the other has', range(0, 2000), range(1000, 3000)],
  ['few differences in much', range(0, 3000).filter((_, at) => at % 997 !== 0), range(0, 3000).filter((_, at) => at % 1009 !== 5)],
  ['nothing in common', range(0, 1500), range(1500, 3000)],
] as const) {
  test(name, async (t) => {
    const [a, b] = [peer(t, 1), peer(t, 2)];
    await hold(a, ours);
    await hold(b, theirs);
    connect(a.mesh, b.mesh);
    await until('both are the same', () => same(a, b));
    assert.equal(a.stats().replica.fieldsInMemory, 9000);
    assert.deepEqual([a.stats().mesh.violations, b.stats().mesh.violations], [{}, {}]);
  });
}

test('the newer of two fields wins on both sides, whoever holds it', async (t) => {
  const [a, b] = [peer(t, 1), peer(t, 2)];
  await hold(a, [delta('s1', 1, 5), delta('s2', 2, 50)]);
  await hold(b, [delta('s1', 3, 50), delta('s2', 4, 5)]);
  connect(a.mesh, b.mesh);
  await until('both are the same', () => same(a, b));
  for (const each of [a, b]) assert.deepEqual([each.peek('s1')?.value('age'), each.peek('s2')?.value('age')], [3, 2]);
});

test('a node of very many fields, and long values, go over in parts', async (t) => {
  const [a, b] = [peer(t, 1), peer(t, 2)];
  await a.put([{ soul: 'wide', fields: Array.from({ length: 20_000 }, (_, at) => ({ key: `key ${at}`, value: at, state: 1 })) }]);
  await a.put([{ soul: 'long', fields: Array.from({ length: 5 }, (_, at) => ({ key: `key ${at}`, value: 'x'.repeat(200_000), state: 1 })) }]);
  connect(b.mesh, a.mesh);
  await until('both are the same', () => same(a, b));
});

test('peers that wrote alone while apart are the same again when they meet again, and go on live', async (t) => {
  const [a, b] = [peer(t, 1), peer(t, 2)];
  const wire = connect(a.mesh, b.mesh);
  await hold(a, range(0, 100));
  await until('both are the same', () => same(a, b));
  wire.cut();
  await hold(a, range(100, 150));
  await hold(b, range(150, 200));
  const [, again] = [await settle(3), connect(a.mesh, b.mesh)];
  await until('both are the same', () => same(a, b));
  again.cut();
  connect(b.mesh, a.mesh);
  await hold(a, range(300, 310));
  await until('both are the same', () => same(a, b));
});

test('what is lost on the way is found again after a while', async (t) => {
  const [a, b] = [peer(t, 1, { everyMs: 50 }), peer(t, 2, { everyMs: 50 })];
  connect(a.mesh, b.mesh);
  await until('they know each other', () => a.mesh.peers().some(({ pangea }) => pangea));
  // Told to nobody, as if the message had been lost.
  const put = a.mesh.put.bind(a.mesh);
  Object.assign(a.mesh, { put: () => ({ id: 'lost', peers: 0 }) });
  await hold(a, range(0, 10));
  Object.assign(a.mesh, { put });
  await until('both are the same', () => same(a, b));
});

test('live puts go on while thousands of nodes go over, and a third peer hears of them all', async (t) => {
  const [a, b, c] = [peer(t, 1), peer(t, 2), peer(t, 3)];
  await hold(a, range(0, 5000));
  connect(c.mesh, b.mesh, { dialler: '10.0.0.3', acceptor: 'ws://b/gun' });
  await settle();
  connect(b.mesh, a.mesh, { dialler: '10.0.0.2', acceptor: 'ws://a/gun' });
  for (let at = 0; at < 50; at++) {
    await hold(at % 2 ? a : b, [delta(`live/${at}`, at)]);
    await settle(1);
  }
  await until('all are the same', () => same(a, b) && same(b, c), 30_000);
  assert.equal(c.stats().replica.fieldsInMemory, 15_150);
});

test('the guard has its say on every node, and one that is refused keeps out no other', async (t) => {
  const guard: Guard = ({ soul }) => (soul.endsWith('7') ? { ok: false, err: 'Unverified data.', violation: 'signature' } : { ok: true });
  const [a, b] = [peer(t, 1), peer(t, 2, {}, guard)];
  await hold(a, range(0, 28));
  connect(b.mesh, a.mesh);
  await until('the rest is there', () => b.stats().replica.fieldsInMemory === 25 * 3);
  assert.equal(b.peek('soul/000007'), undefined);
  assert.ok((b.stats().mesh.violations.signature ?? 0) >= 2);
});

test('peers that break the rules of healing are refused, whatever they say', async (t) => {
  const bodies: readonly (readonly [string, unknown])[] = [
    ['digest', null], ['digest', {}], ['digest', { s: 1 }], ['digest', { s: 1, r: 5 }], ['digest', { s: -1, r: '00' }], ['groups', { s: 1, g: [1] }],
    ['nodes', { s: 1, n: 5, d: [] }], ['nodes', { s: 1, n: 0, d: [['__proto__', 'polluted', 1, 1]] }], ['nodes', { s: 1, n: 0, d: [['s', 'k', [], 1]] }],
    ['nodes', { s: 1, n: 0, d: [['s', 'k', 1, '1']] }], ['nodes', { s: 1, n: 0, d: [['s', 'k', 1]] }], ['nodes', { s: 1, n: 0, d: [['s', 'k', 1, 1, 'k', 2, 2]] }], ['nodes', { s: 1, n: 0, d: 'x' }],
    ['took', { s: 1, n: 0 }], ['took', { s: 1, n: {} }], ['begin', { s: 1, b: [70_000] }], ['begin', { s: 1, b: [5, 4] }], ['souls', { s: 1, n: 0, l: [], last: true }],
    ['souls', { s: 1, n: 0, l: ['b', 1, 1, 'a', 1, 1], last: false }], ['diff', { s: 1, n: 0, w: ['x'] }], ['sums', { s: 1, r: 'ff', w: [1] }], ['buckets', { s: 1, g: [1], w: [] }],
    ['end', { s: 1 }], ['wait', { s: 1 }], ['nonsense', { s: 1 }], ['constructor', { s: 1 }],
  ];
  const a = peer(t, 1);
  await hold(a, range(0, 100));
  const before = a.digest();
  for (const [at, [verb, body]] of bodies.entries()) {
    const liar = hand(a.mesh, { name: `10.2.0.${at}` });
    liar.say({ dam: '?', pid: `liar${at}`, '#': `q${at}`, pangea: { v: 1, relay: true } });
    if (verb !== 'digest') liar.say({ dam: 'pangea', '#': `d${at}`, v: 'digest', b: { s: 1, r: '00000000000000ff' } });
    if (verb === 'souls') liar.say({ dam: 'pangea', '#': `b${at}`, v: 'begin', b: { s: 1, b: [1, 2, 3] } });
    liar.say({ dam: 'pangea', '#': `m${at}`, v: verb, b: body });
    await settle(3);
    liar.hang();
  }
  assert.equal(a.digest(), before);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  const b = peer(t, 2);
  connect(b.mesh, a.mesh);
  await until('healing works still', () => same(a, b));
});

test('nodes beyond the window are not waited for', async (t) => {
  let refused = 0;
  // A guard that never comes to an end.
  const a = peer(t, 1, {}, () => new Promise(() => refused++));
  const liar = hand(a.mesh);
  liar.say({ dam: '?', pid: 'liar', '#': 'q', pangea: { v: 1, relay: true } });
  liar.say({ dam: 'pangea', '#': 'd', v: 'digest', b: { s: 1, r: '00000000000000ff' } });
  await settle(2);
  for (let at = 0; at < 100; at++) {
    if (at === 1) await settle(2);
    liar.say({ dam: 'pangea', '#': `n${at}`, v: 'nodes', b: { s: 1, n: at, d: [[`s${at}`, 'k', 1, 1]] } });
  }
  await settle();
  assert.equal(refused, 1);
  assert.deepEqual(a.stats().mesh.violations, { memory: 1 });
});

test('a number that JSON changes on its way, -0, does not keep peers apart', async (t) => {
  const [a, b] = [peer(t, 1), peer(t, 2)];
  connect(a.mesh, b.mesh);
  await hold(a, [{ soul: 'zero', fields: [{ key: 'x', value: -0, state: 1 }, { key: 'y', value: 1, state: -0 }] }]);
  await until('both are the same', () => same(a, b));
});

test('what is a peer\'s own business in its store cannot be written by another', () => {
  assert.equal(readNodes([[localSoul, 'sent', Number.MAX_VALUE, 1]], reconcileLimits), undefined);
  assert.equal(readSouls([localSoul], reconcileLimits), undefined);
  assert.equal(readNodes([['a', 'sent', 1, 1]], reconcileLimits)?.length, 1);
});

test('whoever begins again and again is told to wait, and costs no sweep each time', async (t) => {
  const a = peer(t, 1);
  await hold(a, range(0, 50));
  const stranger = hand(a.mesh);
  stranger.say({ dam: '?', pid: 'stranger', pangea: { v: 1, relay: true }, '#': 'who', '@': 'x' });
  await settle();
  for (let at = 1; at <= 40; at++) stranger.say({ dam: 'pangea', '#': `begin ${at}`, v: 'digest', b: { s: at, r: '0000000000000000' } });
  // The first is taken; a busy machine may let a few more through.
  await until('most are told to wait', () => stranger.heard.filter(({ v }) => v === 'wait').length > 30);
  stranger.say({ dam: 'pangea', '#': 'once more', v: 'digest', b: { s: 99, r: '0000000000000000' } });
  await clock.sleep(reconcileLimits.digestMs);
  stranger.say({ dam: 'pangea', '#': 'rested', v: 'digest', b: { s: 100, r: '0000000000000000' } });
  await until('one that waited is served', () => stranger.heard.some(({ v, b }) => v === 'nodes' && (b as { s: number }).s === 100));
});

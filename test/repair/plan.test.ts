/** The pure parts: what a census means, who acts, who gets what; and the bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Digest, PeerId } from '../../src/ids/ids.ts';
import { ByteBudget } from '../../src/objects/repair/budget.ts';
import { assess, filledRows, lackedStripes, type Census, type Stripes } from '../../src/objects/repair/census.ts';
import { Doubts } from '../../src/objects/repair/doubts.ts';
import { RepairLeases } from '../../src/objects/repair/leases.ts';
import { planHandovers, turnOf } from '../../src/objects/repair/plan.ts';
import { rowAt } from '../../src/objects/format/shape.ts';
import { VirtualClock } from '../sim/clock.ts';

const peers = Array.from({ length: 16 }, (_, index) => `peer${index}` as PeerId);
const salt = new Uint8Array(32).fill(9);
const root = 'ab'.repeat(32) as Digest;
const full = 0xfff;

/** Four stripes; `shortRows` data rows of the last one are empty. */
function stripesOf(count: number, shortRows = 0): Stripes {
  const lengths = (stripe: number): number[] => Array.from({ length: 12 }, (_, row) => (stripe === count - 1 && row < 8 && row >= 8 - shortRows ? 0 : 100));
  return { count, stripe: (stripe) => ({ lengths: lengths(stripe), identities: new Uint8Array(12 * 32) }) };
}

/** Twelve holders by slot; those in `gone` do not answer, those in `awaited` are within grace. */
function censusOf(stripes: Stripes, gone: readonly number[], awaited: readonly number[] = []): Census {
  const answers = new Map<PeerId, Uint16Array>();
  for (let slot = 0; slot < 12; slot++) {
    if (gone.includes(slot) || awaited.includes(slot)) continue;
    answers.set(peers[slot] as PeerId, Uint16Array.from({ length: stripes.count }, (_, stripe) => (1 << rowAt(stripe, slot)) & filledRows(stripes.stripe(stripe))));
  }
  return { answers, awaited: new Set(awaited.map((slot) => peers[slot] as PeerId)), deletedAt: [] };
}

const object = { holders: peers.slice(0, 12) };
const slots = fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { maxLength: 12 });

test('what is lost follows from who answers, for every set of silent holders', () => {
  fc.assert(fc.property(slots, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 12 }), (silent, stripeCount, split) => {
    const stripes = stripesOf(stripeCount);
    const [gone, awaited] = [silent.slice(0, split), silent.slice(split)];
    const { state, lostSlots } = assess(stripes, object, censusOf(stripes, gone, awaited));
    const expected = gone.length === 0 ? 'whole' : gone.length > 4 ? 'unreadable' : silent.length > 4 ? 'waiting' : 'below';
    assert.equal(state, expected);
    assert.deepEqual(lostSlots, expected === 'unreadable' || expected === 'whole' ? [] : gone.toSorted((a, b) => a - b));
  }));
});

test('rows without bytes count as present', () => {
  const stripes = stripesOf(1, 7);
  assert.equal(assess(stripes, object, censusOf(stripes, [0, 8, 9, 10])).state, 'below');
  assert.equal(assess(stripes, object, censusOf(stripes, [1, 2, 3, 4, 5, 6, 7])).state, 'whole');
  assert.equal(assess(stripes, object, censusOf(stripes, [0, 8, 9, 10, 11])).state, 'unreadable');
});

test('a plan gives every lost slot to a peer of its own that had none, and all of it', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 4 }), (gone) => {
    const stripes = stripesOf(5);
    const census = censusOf(stripes, gone);
    const candidates = peers.filter((_, index) => !gone.includes(index)).map((peer) => ({ peer, weight: 1, failureDomain: '' }));
    const input = { salt, stripes, object, census, lostSlots: gone.toSorted((a, b) => a - b), candidates, unusable: new Set<PeerId>() };
    const { handovers, holders } = planHandovers(input);
    assert.deepEqual(handovers.map(({ slot }) => slot), input.lostSlots);
    assert.ok(handovers.every(({ target, stripes: lacked }) => !census.answers.has(target) && lacked.length === 5));
    assert.equal(new Set(holders).size, 12);
    assert.deepEqual(planHandovers({ ...input, census: { ...census, answers: new Map([...census.answers].toReversed()) } }), { handovers, holders });
    const [first] = handovers;
    const without = planHandovers({ ...input, unusable: new Set(first ? [first.target] : []) });
    assert.ok(without.handovers.every(({ target }) => target !== first?.target));
  }));
});

test('a peer that has a part of a lost slot completes it', () => {
  const stripes = stripesOf(6);
  const census = censusOf(stripes, [3]);
  const answers = new Map(census.answers);
  answers.set(peers[14] as PeerId, Uint16Array.from({ length: 6 }, (_, stripe) => (stripe < 4 ? 1 << rowAt(stripe, 3) : 0)));
  const candidates = peers.slice(12).map((peer) => ({ peer, weight: 1, failureDomain: '' }));
  const plan = planHandovers({ salt, stripes, object, census: { ...census, answers }, lostSlots: [3], candidates, unusable: new Set() });
  assert.deepEqual(plan.handovers, [{ slot: 3, target: peers[14], stripes: [4, 5] }]);
  assert.deepEqual(lackedStripes(stripes, 3, answers.get(peers[14] as PeerId)), [4, 5]);
});

test('live holders agree on an order, and who holds nothing comes last', () => {
  const stripes = stripesOf(2);
  const census = censusOf(stripes, [2]);
  const turns = [...census.answers.keys()].map((peer) => turnOf(salt, peer, census));
  assert.deepEqual(turns.toSorted((a, b) => a - b), Array.from({ length: 11 }, (_, turn) => turn));
  assert.equal(turnOf(salt, peers[15] as PeerId, census), 11);
  assert.notDeepEqual(turns, [...census.answers.keys()].map((peer) => turnOf(new Uint8Array(32), peer, census)));
});

test('the budget lets in what fits, in order, and one that is too large alone', async () => {
  const budget = new ByteBudget(100);
  const order: string[] = [];
  const hold = (name: string, bytes: number): { done: Promise<void>; end: () => void } => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return { done: budget.run(bytes, async () => { order.push(name); assert.ok(budget.usedBytes <= 100 || name === 'huge'); await promise; }), end: resolve };
  };
  const [a, b, huge, small] = [hold('a', 60), hold('b', 40), hold('huge', 500), hold('small', 1)];
  await new Promise(setImmediate);
  assert.deepEqual(order, ['a', 'b']);
  a.end();
  await a.done;
  await new Promise(setImmediate);
  assert.deepEqual(order, ['a', 'b']);
  b.end();
  huge.end();
  await huge.done;
  small.end();
  await Promise.all([b.done, small.done]);
  assert.deepEqual(order, ['a', 'b', 'huge', 'small']);
  assert.equal(budget.usedBytes, 0);
  await assert.rejects(budget.run(10, () => Promise.reject(new Error('failed'))), /failed/);
  assert.equal(budget.usedBytes, 0);
});

test('a lease is one peer\'s for a stripe range until it rests, and there are never too many', async () => {
  const clock = new VirtualClock();
  const leases = new RepairLeases(clock);
  const [a, b] = peers as [PeerId, PeerId];
  assert.ok(leases.claim(root, 0, a));
  assert.ok(!leases.claim(root, 63, b));
  assert.ok(leases.claim(root, 64, b));
  await clock.run(9_000);
  assert.ok(leases.claim(root, 1, a));
  await clock.run(9_000);
  assert.ok(!leases.claim(root, 0, b));
  await clock.run(2_000);
  assert.ok(leases.claim(root, 0, b));
  const granted = Array.from({ length: 10_000 }, (_, range) => leases.claim(root, range * 64, b)).filter(Boolean).length;
  assert.equal(granted, 4_096);
  await clock.run(11_000);
  assert.ok(leases.claim(root, 9_999 * 64, a));
});

test('doubts and refusals pass', async () => {
  const clock = new VirtualClock();
  const doubts = new Doubts(clock);
  const [a, b] = peers as [PeerId, PeerId];
  doubts.add(root, a, 1, 3);
  doubts.refused(b);
  assert.deepEqual([doubts.about(root, a), doubts.about(root, b), doubts.refuses(a), doubts.refuses(b)], [true, false, false, true]);
  const masks = Uint16Array.of(full, full);
  assert.deepEqual([...doubts.without(root, a, masks)], [full, full & ~8]);
  assert.deepEqual([...masks], [full, full]);
  await clock.run(11 * 60_000);
  assert.equal(doubts.refuses(b), false);
  await clock.run(60 * 60_000);
  assert.equal(doubts.about(root, a), false);
  assert.equal(doubts.without(root, a, masks), masks);
});

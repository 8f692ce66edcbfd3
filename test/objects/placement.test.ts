import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { placeSlots, rankPeers, replacementFor, survivesFailures } from '../../src/objects/format/placement.ts';
import { cutStripes, StripeBuffers } from '../../src/objects/put/stripes.ts';
import { fits, piecesOf, segmentLengths, stripeBytes } from '../../src/objects/format/segments.ts';
import { rowAt, rows, slotOf } from '../../src/objects/format/shape.ts';
import type { PlacementPeer } from '../../src/peers/peers.ts';
import { seededRandom } from '../../src/std/std.ts';
import { simulatedPeerId } from '../sim/peer-ids.ts';
import { collect, noise, stream } from './world.ts';

const random = seededRandom(5);
const peersOf = (count: number, domains = 0, weight = 1): PlacementPeer[] =>
  Array.from({ length: count }, (_, index) => ({ peer: simulatedPeerId(random), weight, failureDomain: domains === 0 ? '' : `rack ${index % domains}` }));
const countsOf = <T>(items: readonly T[]): number[] => [...items.reduce((map, item) => map.set(item, (map.get(item) ?? 0) + 1), new Map<T, number>()).values()].sort();

test('each row of a stripe has a slot of its own, and slots are the inverse of rows', () => {
  for (let stripe = 0; stripe < 30; stripe++) {
    assert.equal(new Set(Array.from({ length: rows }, (_, row) => slotOf(stripe, row))).size, rows);
    for (let slot = 0; slot < rows; slot++) assert.equal(slotOf(stripe, rowAt(stripe, slot)), slot);
  }
});

test('placement is even: nobody takes a second slot while another has none', () => {
  for (let count = 1; count <= 30; count++) {
    const counts = countsOf(placeSlots(noise(32, count), peersOf(count)));
    assert.equal(counts.reduce((sum, each) => sum + each, 0), rows);
    assert.ok((counts.at(-1) ?? 0) - (counts[0] ?? 0) <= 1);
    assert.equal(counts.length, Math.min(count, rows));
  }
  assert.deepEqual(placeSlots(noise(32), []), []);
});

test('failure domains are used evenly as long as peers are', () => {
  const peers = peersOf(36, 12);
  const domainOf = new Map(peers.map(({ peer, failureDomain }) => [peer, failureDomain]));
  for (let seed = 0; seed < 20; seed++) {
    const slots = placeSlots(noise(32, seed), peers);
    assert.equal(new Set(slots.map((peer) => domainOf.get(peer))).size, 12);
  }
  const lopsided: PlacementPeer[] = peersOf(13).map((peer, index) => ({ ...peer, failureDomain: index === 0 ? 'alone' : 'crowd' }));
  assert.equal(new Set(placeSlots(noise(32), lopsided)).size, 12);
});

test('placement does not depend on the order in which peers are known', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 25 }), fc.nat(), (count, seed) => {
    const peers = peersOf(count, 5);
    const shuffled = [...peers].sort((a, b) => (a.peer > b.peer ? 1 : -1));
    assert.deepEqual(placeSlots(noise(32, seed), peers), placeSlots(noise(32, seed), shuffled));
  }), { seed: 1, numRuns: 50 });
});

test('weights are shares: twice the weight, twice the first places', () => {
  const peers = peersOf(10).map((peer, index) => ({ ...peer, weight: index < 5 ? 2 : 1 }));
  let heavy = 0;
  for (let seed = 0; seed < 3000; seed++) if ((rankPeers(noise(32, seed), peers)[0]?.weight ?? 0) === 2) heavy++;
  assert.ok(Math.abs(heavy / 3000 - 2 / 3) < 0.03, `${heavy}`);
});

test('a lost peer moves only its own slots', () => {
  const peers = peersOf(20);
  const key = noise(32, 3);
  const before = placeSlots(key, peers);
  const gone = before[4];
  const after = placeSlots(key, peers.filter(({ peer }) => peer !== gone));
  assert.equal(after.filter((peer) => !before.includes(peer)).length, 1);
});

test('a replacement is an unused peer, else the least burdened, else nobody', () => {
  const peers = peersOf(13);
  const key = noise(32, 4);
  const slots = placeSlots(key, peers);
  const spare = peers.find(({ peer }) => !slots.includes(peer));
  assert.equal(replacementFor(key, peers.filter(({ peer }) => peer !== slots[0]), slots.slice(1)), spare?.peer);
  assert.ok(slots.includes(replacementFor(key, peers.filter(({ peer }) => slots.includes(peer)), slots.slice(1)) as never));
  assert.equal(replacementFor(key, [], slots), undefined);
});

test('survived failures: by hand and against trying all', () => {
  const of = (...counts: number[]): (string | undefined)[] => counts.flatMap((count, index) => Array.from({ length: count }, () => (index === 0 ? undefined : `p${index}`)));
  assert.equal(survivesFailures(of(0, ...Array.from({ length: 12 }, () => 1))), 4);
  assert.equal(survivesFailures(of(0, 12)), 0);
  assert.equal(survivesFailures(of(0, 4, 4, 4)), 1);
  assert.equal(survivesFailures(of(0, 3, 3, 3, 3)), 1);
  assert.equal(survivesFailures(of(4, ...Array.from({ length: 8 }, () => 1))), 0);
  assert.equal(survivesFailures(of(3, 2, ...Array.from({ length: 7 }, () => 1))), 0);
  fc.assert(fc.property(fc.array(fc.nat(5), { minLength: 12, maxLength: 12 }), (holders) => {
    const names = [...new Set(holders)];
    const worst = (failures: number): number => Math.max(...subsets(names, failures).map((gone) => holders.filter((holder) => gone.includes(holder)).length));
    let expected = 0;
    while (expected < names.length && worst(expected + 1) <= 4) expected++;
    assert.equal(survivesFailures(holders.map(String)), expected);
  }), { seed: 2, numRuns: 200 });
});

function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) => subsets(items.slice(index + 1), size - 1).map((rest) => [item, ...rest]));
}

test('segments add up, are nearly equal, and pieces cover exactly the range', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 4_000_000 }), fc.nat(), fc.nat(), (plaintextBytes, a, b) => {
    const segmentBytes = 65_536;
    const stripes = Math.ceil(plaintextBytes / (8 * segmentBytes));
    const geometry = { segmentBytes, stripes, plaintextBytes };
    assert.ok(fits(geometry));
    assert.ok(!fits({ ...geometry, stripes: stripes + 1 }) && !fits({ ...geometry, plaintextBytes: plaintextBytes + 8 * segmentBytes }));
    const last = segmentLengths(stripeBytes(geometry, stripes - 1));
    assert.ok(Math.max(...last) - Math.min(...last) <= 1 && Math.min(...last) >= 1);
    const offset = a % plaintextBytes;
    const length = b % (plaintextBytes - offset + 1);
    let covered = 0;
    for (const { pieces, segmentsInStripe } of piecesOf(geometry, offset, length)) {
      for (const piece of pieces) {
        assert.ok(piece.segment < segmentsInStripe && piece.from < piece.to && piece.to <= piece.plaintextBytes);
        covered += piece.to - piece.from;
      }
    }
    assert.equal(covered, length);
  }), { seed: 3, numRuns: 300 });
});

test('a stream is cut in the same stripes however it is chunked', async () => {
  const bytes = noise(300_000);
  for (const chunkBytes of [7, 5_000, 20_000, 65_536, 300_000]) {
    const sizes: number[] = [];
    const joined = collect((async function* () {
      for await (const stripe of cutStripes(stream(bytes, chunkBytes), 65_536, new StripeBuffers(65_536))) {
        sizes.push(stripe.bytes);
        assert.ok(stripe.chunks.length <= 20);
        yield* stripe.chunks;
      }
    })());
    assert.ok(Buffer.compare(await joined, bytes) === 0);
    assert.deepEqual(sizes, [65_536, 65_536, 65_536, 65_536, 37_856]);
  }
});

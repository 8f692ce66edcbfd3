/** A small part of what `run.ts` does by the thousand, and that its judge can tell right from wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findChromium } from '../../browser/chromium.ts';
import type { Entry } from './member.ts';
import { differences, hashOf, isNewer, lost } from './oracle.ts';
import { openPages } from './pages.ts';
import { makeSchedule } from './schedule.ts';
import { runSchedules } from './schedules.ts';
import { topologies, type Topology } from './topologies.ts';
import { World } from './world.ts';

const names = Object.keys(topologies) as Topology[];

test('gun.js and ours hold the same graph after random schedules, in every topology', { timeout: 240_000 }, async () => {
  const said: string[] = [];
  const { played, failed } = await runSchedules({ schedules: 12, seed: 1, worlds: 2, topologies: names, pagesShare: 0, say: (line) => void said.push(line) });
  assert.equal(failed, 0, said.join('\n'));
  assert.equal(played, 12);
});

const chromium = findChromium();
test('and where gun.js runs in pages of a browser', { timeout: 240_000, skip: 'reason' in chromium ? chromium.reason : false }, async () => {
  const pages = await openPages((chromium as { path: string }).path);
  try {
    const said: string[] = [];
    const { failed } = await runSchedules({ schedules: 3, seed: 31, worlds: 1, topologies: ['chain of two'], pagesShare: 1, pages, say: (line) => void said.push(line) });
    assert.equal(failed, 0, said.join('\n'));
  } finally {
    await pages.close();
  }
});

test('a mesh that stays apart is told apart', { timeout: 120_000 }, async () => {
  const world = await World.start(topologies['chain of two']);
  try {
    await world.perform({ do: 'cut', from: 'R2', to: 'R1' });
    await world.perform({ do: 'write', member: 'A', write: { kind: 'put', soul: 'apart/one', key: 'a', value: 1 } });
    for (const late = performance.now() + 20_000; performance.now() < late;) {
      if ((await world.ask<Entry[]>('R1', 'dump', 'apart/')).length > 0) break;
    }
    const [difference, ...rest] = differences(await world.dump('apart/'));
    assert.deepEqual(rest, []);
    assert.deepEqual(difference?.holders, ['R1', 'A']);
    assert.deepEqual(Object.keys(difference?.others ?? {}), ['R2', 'B', 'C']);
  } finally {
    await world.stop();
  }
});

test('schedules follow from their seed, differ between seeds, and never leave fewer than two members up', () => {
  for (const name of names) {
    for (let seed = 1; seed <= 50; seed++) {
      const plan = topologies[name];
      const { steps } = makeSchedule(seed, plan, 1_000);
      assert.deepEqual(makeSchedule(seed, plan, 1_000).steps, steps);
      assert.notDeepEqual(makeSchedule(seed + 1, plan, 1_000).steps, steps);
      const down = new Set<string>();
      for (const step of steps) {
        if (step.do === 'kill') down.add(step.member);
        if (step.do === 'restart') down.delete(step.member);
        assert.ok(plan.length - down.size >= 2);
        if (step.do === 'write') assert.ok(!down.has(step.member));
      }
    }
  }
});

const entry = fc.tuple(fc.constantFrom('s', 't'), fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 3 }), fc.constantFrom<unknown>(null, 1, 'x', { '#': 't' })) as fc.Arbitrary<Entry>;
const graph = fc.uniqueArray(entry, { selector: ([soul, key]) => `${soul} ${key}`, maxLength: 6 });

test('the hash knows no order, and tells any two graphs apart', () => {
  fc.assert(fc.property(graph, graph, (one, other) => {
    assert.equal(hashOf(one), hashOf(one.toReversed()));
    const same = differences(new Map([['A', one], ['B', other]])).length === 0;
    assert.equal(hashOf(one) === hashOf(other), same);
  }), { seed: 7 });
});

test('of two entries of a field one is newer, unless they are the same', () => {
  fc.assert(fc.property(entry, entry, (one, other) => {
    const same = one[2] === other[2] && JSON.stringify(one[3]) === JSON.stringify(other[3]);
    assert.equal(Number(isNewer(one, other)) + Number(isNewer(other, one)), same ? 0 : 1);
  }), { seed: 7 });
});

test('what was acknowledged is lost when it is gone or older, and not when something newer replaced it', () => {
  const written: Entry = ['s', 'a', 5, 1];
  assert.deepEqual(lost([written], []), [written]);
  assert.deepEqual(lost([written], [['s', 'b', 9, 1]]), [written]);
  assert.deepEqual(lost([written], [['s', 'a', 4, 2]]), [written]);
  assert.deepEqual(lost([written], [['s', 'a', 5, 0]]), [written]);
  assert.deepEqual(lost([written], [written]), []);
  assert.deepEqual(lost([written], [['s', 'a', 6, null]]), []);
});

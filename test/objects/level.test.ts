import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Codec, Compression } from '../../src/codec/codec.ts';
import { LevelPolicy, type StripeTimes } from '../../src/objects/put/level.ts';
import { StageTimes } from '../../src/objects/put/stage-times.ts';
import type { PutResult } from '../../src/objects/types.ts';
import { VirtualClock } from '../sim/clock.ts';
import { assertSame, engineOf, get, nodeAt, noise, openWorld, put, stripeBytes, type World } from './world.ts';

const timeout = 120_000;
const range = { minLevel: 3, maxLevel: 9 };
const blocked: StripeTimes = { elapsedMs: 100, blockedMs: 90, starvedMs: 0 };
const starved: StripeTimes = { elapsedMs: 100, blockedMs: 0, starvedMs: 90 };
const balanced: StripeTimes = { elapsedMs: 100, blockedMs: 30, starvedMs: 30 };

function levelsOver(policy: LevelPolicy, times: StripeTimes, stripes: number): number[] {
  return Array.from({ length: stripes }, () => policy.next(times));
}

test('it begins at the lowest level and stays where nobody waits for anybody', () => {
  const policy = new LevelPolicy(range, 2);
  assert.equal(policy.level, 3);
  assert.deepEqual(new Set(levelsOver(policy, balanced, 50)), new Set([3]));
  assert.deepEqual(new Set(levelsOver(policy, { elapsedMs: 0, blockedMs: 0, starvedMs: 0 }, 10)), new Set([3]));
});

test('holders that are waited for raise it step by step to the top', () => {
  const levels = levelsOver(new LevelPolicy(range, 2), blocked, 40);
  assert.equal(levels.at(-1), 9);
  levels.forEach((level, at) => assert.ok(level - (levels[at - 1] ?? 3) <= 1, 'one step at a time'));
  assert.deepEqual(levels.slice(0, 6), [3, 4, 4, 4, 4, 5], 'two stripes agree, two show nothing of the change yet');
});

test('one stripe that stalls moves nothing', () => {
  const policy = new LevelPolicy(range, 2);
  for (let round = 0; round < 20; round++) {
    assert.equal(policy.next(blocked), 3);
    assert.equal(policy.next(balanced), 3);
  }
});

test('an encoder that is waited for lowers it, and the level that was too slow is tried ever more rarely', () => {
  const policy = new LevelPolicy(range, 1);
  let raises = 0;
  for (let stripe = 0, level = 3; stripe < 400; stripe++) {
    // Level 5 is too slow here, level 4 leaves the links waiting.
    const next = policy.next(policy.level >= 5 ? starved : blocked);
    if (next > level && next === 5) raises++;
    assert.ok(next <= 5);
    level = next;
  }
  assert.ok(raises >= 2 && raises <= 8, `${raises} times`);
});

test('a level that makes everything slower is taken back, though the holders are waited for', () => {
  const policy = new LevelPolicy(range, 2);
  const seen = Array.from({ length: 400 }, () => {
    const elapsedMs = 100 * 1.3 ** (policy.level - 3);
    return policy.next({ elapsedMs, blockedMs: elapsedMs * 0.9, starvedMs: 0 });
  });
  assert.equal(Math.max(...seen), 4);
  assert.ok(seen.filter((level) => level === 4).length < 40, `${seen.filter((level) => level === 4).length} of 400 stripes`);
});

test('whatever happens, the level stays inside its range and moves by one', () => {
  const anyTimes = fc.record({ elapsedMs: fc.double({ min: 0, max: 1e6, noNaN: true }), blocked: fc.double({ min: 0, max: 1, noNaN: true }), starved: fc.double({ min: 0, max: 1, noNaN: true }) })
    .map(({ elapsedMs, blocked: b, starved: s }): StripeTimes => ({ elapsedMs, blockedMs: elapsedMs * b, starvedMs: elapsedMs * s }));
  fc.assert(fc.property(fc.integer({ min: 1, max: 22 }), fc.integer({ min: 0, max: 21 }), fc.integer({ min: 1, max: 8 }), fc.array(anyTimes, { maxLength: 200 }), (minLevel, more, window, laps) => {
    const maxLevel = Math.min(22, minLevel + more);
    const policy = new LevelPolicy({ minLevel, maxLevel }, window);
    let before = policy.level;
    for (const times of laps) {
      const level = policy.next(times);
      assert.ok(level >= minLevel && level <= maxLevel && Math.abs(level - before) <= 1);
      before = level;
    }
  }), { seed: 31, numRuns: 300 });
});

test('stage times say who waited for whom', async () => {
  const clock = new VirtualClock();
  const times = new StageTimes(clock);
  const sleep = (ms: number) => (): Promise<void> => clock.sleep(ms);
  await clock.until((async () => {
    await times.during('encoding', sleep(10)); // starved: nothing is being sent
    const sending = times.during('sending', sleep(100));
    await times.during('encoding', sleep(20)); // both
    await times.during('waiting', sleep(30)); // blocked
    await clock.sleep(50); // the source is slow
    await sending;
  })());
  assert.deepEqual(times.lap(), { elapsedMs: 110, blockedMs: 30, starvedMs: 10 });
  assert.deepEqual(times.lap(), { elapsedMs: 0, blockedMs: 0, starvedMs: 0 });
});

/** Virtual milliseconds that an encoder takes for a stripe at a level: every level more takes a third longer. */
const encodeMs = (level: number): number => 10 * 1.33 ** (level - 3);

/** A world whose encoder takes time by level and whose holders take `shardMs` for each shard, one after the other. */
async function worldWith(shardMs: number, asked: Compression[]): Promise<World> {
  const world = await openWorld(12, {
    settings: { compression: { kind: 'auto', ...range } },
    latencyMs: 1,
    wrapCodec: (codec, clock): Codec => {
      const encode = codec.encodeStripe.bind(codec);
      codec.encodeStripe = async (request) => {
        asked.push(request.compression);
        await clock.sleep(encodeMs((request.compression as { minLevel: number }).minLevel));
        return encode(request);
      };
      return codec;
    },
  });
  for (const node of world.live) {
    const engine = engineOf(node);
    const handle = engine.handle.bind(engine);
    let line: Promise<unknown> = Promise.resolve();
    engine.handle = async (peer, request, body) => {
      if (request.type === 'put') await (line = line.then(() => world.clock.sleep(shardMs)));
      return handle(peer, request, body);
    };
  }
  return world;
}

const lines = (bytes: number): Uint8Array => Buffer.from('2024-01-01T00:00:00Z info a shard was stored in 12 ms\n'.repeat(Math.ceil(bytes / 54))).subarray(0, bytes);

async function putOver(shardMs: number, content: Uint8Array): Promise<{ result: PutResult; asked: Compression[]; world: World }> {
  const asked: Compression[] = [];
  const world = await worldWith(shardMs, asked);
  const result = await put(world, nodeAt(world, 0), content);
  assertSame(await get(world, nodeAt(world, 5), result.link), content);
  return { result, asked, world };
}

test('a slow link raises the level to the top, and the result and the metrics tell', { timeout }, async () => {
  const { result, asked, world } = await putOver(200, lines(40 * stripeBytes));
  const levels = asked.map((each) => (each as { minLevel: number }).minLevel);
  assert.equal(levels[0], 3);
  assert.equal(levels.at(-1), 9);
  assert.deepEqual(new Set(Object.keys(result.compression.levels)), new Set(['3', '4', '5', '6', '7', '8', '9']));
  assert.equal(Object.values(result.compression.levels).reduce((sum, stripes) => sum + stripes, 0), 40);
  assert.ok(result.compression.compressedBytes < result.bytes / 100);
  assert.equal(nodeAt(world, 0).metrics.counts.get('pangea_objects_put_stripes_total'), 40);
});

test('a fast link leaves it at the lowest', { timeout }, async () => {
  const { result } = await putOver(0.01, lines(40 * stripeBytes));
  assert.deepEqual(result.compression.levels, { 3: 40 });
});

test('random data is stored whatever the level', { timeout }, async () => {
  const { result, asked } = await putOver(200, noise(30 * stripeBytes, 4));
  assert.equal((asked.at(-1) as { minLevel: number }).minLevel, 9);
  assert.deepEqual(result.compression.levels, { store: 30 });
  assert.ok(result.compression.compressedBytes > result.bytes);
});

test('an object in one piece leaves the choice in the range to the codec', { timeout }, async () => {
  const { result, asked } = await putOver(1, lines(100_000));
  assert.deepEqual(asked, []);
  assert.deepEqual(result.compression.levels, { '3-9': 1 });
});

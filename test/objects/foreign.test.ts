import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createPortableCodec } from '../../src/codec/codec.ts';
import { identityOfSeed } from '../../src/identity/identity.ts';
import { ForeignSpace, foreignPolicy } from '../../src/objects/objects.ts';
import { encodeForeignRecord, foreignHeadBytes, parseForeignHead } from '../../src/objects/foreign/record.ts';
import { MemoryStore, recordKind, type ShardStore } from '../../src/store/store.ts';
import { discardMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';
import { bodyFrom } from '../../src/body/body.ts';
import { ManualClock } from '../peers/manual-clock.ts';
import { engineOf, nodeAt, noise, openWorld, put } from './world.ts';

const peer = (seed: number) => identityOfSeed(new Uint8Array(32).fill(seed)).peerId;
const codec = createPortableCodec();
const root = 'ab'.repeat(32);

interface Scene {
  readonly space: ForeignSpace;
  readonly store: ShardStore;
  readonly clock: ManualClock;
  quota: number;
}

function open(quota: number, store: ShardStore = new MemoryStore(), clock = new ManualClock()): Scene {
  const scene: Scene = {
    store, clock, quota,
    space: new ForeignSpace({
      store, codec, clock, logger: silentLogger, metrics: discardMetrics, quotaBytes: () => scene.quota,
      handle: async () => ({ status: 3, message: 'no object is here' }) as never,
    }),
  };
  return scene;
}

async function read(space: ForeignSpace, hash: string, index: number): Promise<string | undefined> {
  const body = await space.fetch(peer(7), hash, index);
  return body && Buffer.from(body.bytes()).toString('latin1');
}

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
const mib = (count: number, seed: number): Uint8Array => noise(count * 1024 * 1024 - foreignHeadBytes, seed);

test('a shard is there under its own name, in records that nothing else takes for shards', async () => {
  const { space, store } = open(2 ** 20);
  assert.equal(await space.store(peer(1), root, 5, text('five')), true);
  assert.equal(await space.store(peer(1), 'a name that is no root', 4_294_967_295, text('far')), true);
  assert.equal(await read(space, root, 5), 'five');
  assert.equal(await read(space, 'a name that is no root', 4_294_967_295), 'far');
  assert.equal(await read(space, root, 6), undefined);
  assert.deepEqual([store.objects(recordKind.shard).length, store.objects(recordKind.header).length, store.objects(recordKind.foreign).length], [0, 0, 2]);
  assert.equal(store.records(new Uint8Array(32).fill(0xab)).length, 0);
});

test('who stored it may replace it, another may not, and the same bytes are welcome from anybody', async () => {
  const { space } = open(2 ** 20);
  assert.equal(await space.store(peer(1), root, 0, text('first')), true);
  assert.equal(await space.store(peer(2), root, 0, text('junk!')), false);
  assert.equal(await space.store(peer(2), root, 0, text('first')), true);
  assert.equal(await space.store(peer(1), root, 0, text('second')), true);
  assert.equal(await read(space, root, 0), 'second');
  assert.deepEqual(space.usage(), { shards: 1, bytes: foreignHeadBytes + 6 });
});

test('no quota, no shard; an empty one neither', async () => {
  const closed = open(0);
  assert.equal(await closed.space.store(peer(1), root, 0, text('x')), false);
  const { space } = open(2 ** 20);
  assert.equal(await space.store(peer(1), root, 0, new Uint8Array(0)), false);
});

test('a peer that fills its share pushes out its own oldest, and never what another stored', async () => {
  const { space, clock } = open(8 * 2 ** 20);
  assert.equal(await space.store(peer(2), root, 100, mib(1, 1)), true);
  for (let index = 0; index < 3; index++) {
    clock.wallMs += 1000;
    assert.equal(await space.store(peer(1), root, index, mib(1, index)), true);
  }
  assert.deepEqual(await Promise.all([100, 0, 1, 2].map(async (index) => (await read(space, root, index)) !== undefined)), [true, false, true, true]);
  assert.equal(await space.store(peer(1), root, 9, mib(3, 1)), false, 'more than its whole share');
  // Others take the rest: when it is full, nobody is pushed out for a new one.
  for (const seed of [3, 4, 5, 6]) for (const index of [0, 1]) await space.store(peer(seed), `file of ${seed}`, index, mib(1, seed));
  assert.equal(space.usage().bytes, 8 * 2 ** 20);
  assert.equal(await space.store(peer(8), 'late', 0, mib(1, 8)), false);
  assert.equal((await read(space, root, 100))?.length, mib(1, 1).length);
});

test('a nearly full disk takes nothing', async () => {
  const store = new MemoryStore();
  const usage = store.usage();
  store.usage = () => ({ ...usage, freeBytes: foreignPolicy.leastFreeBytes });
  assert.equal(await open(2 ** 20, store).space.store(peer(1), root, 0, text('x')), false);
});

test('after a restart all is counted again; a record that cannot be read is removed', async () => {
  const first = open(2 ** 20);
  await first.space.store(peer(1), root, 0, text('kept'));
  await first.space.store(peer(2), root, 1, text('too'));
  const payload = bodyFrom(text('no head at all'));
  const key = { object: new Uint8Array(32).fill(3), kind: recordKind.foreign, stripe: 0, row: 0 };
  await first.store.put([{ key, identity: await codec.identity(payload), payload }], 'fsync');
  const second = open(2 ** 20, first.store, first.clock);
  assert.equal(await second.space.expire(), 0);
  assert.deepEqual(second.space.usage(), first.space.usage());
  assert.equal(first.store.stat(key), undefined);
  assert.equal(await second.space.store(peer(2), root, 0, text('junk')), false);
});

test('what nobody stored anew for a month goes, and so does what a lowered quota has no room for', async () => {
  const scene = open(8 * 2 ** 20);
  await scene.space.store(peer(1), root, 0, text('old'));
  scene.clock.wallMs += foreignPolicy.expiresMs / 2;
  await scene.space.store(peer(1), root, 1, text('newer'));
  await scene.space.store(peer(2), root, 2, mib(1, 1));
  scene.clock.wallMs += foreignPolicy.expiresMs / 2 + 1000;
  assert.equal(await scene.space.expire(), 1);
  assert.deepEqual([await read(scene.space, root, 0), await read(scene.space, root, 1)], [undefined, 'newer']);
  scene.quota = 0;
  assert.equal(await scene.space.expire(), 2);
  assert.deepEqual(scene.space.usage(), { shards: 0, bytes: 0 });
});

test('shards of held objects are given out as stripe × 12 + row, and put, get and repair take no notice of foreign ones', { timeout: 60_000 }, async () => {
  const world = await openWorld(12);
  const bytes = noise(1_500_000);
  const { root: digest } = await put(world, nodeAt(world, 0), bytes);
  const rows = new Set<number>();
  for (const node of world.live) {
    const space = new ForeignSpace({
      store: node.store, codec, clock: world.clock, logger: silentLogger, metrics: discardMetrics, quotaBytes: () => 2 ** 30,
      handle: (from, request, body) => engineOf(node).handle(from, request, body),
    });
    for (let index = 0; index < 48; index++) {
      const body = await world.clock.until(space.fetch(peer(1), digest.toUpperCase(), index));
      if (body === undefined) continue;
      rows.add(index);
      const [object] = node.store.objects(recordKind.shard);
      const kept = object && (await node.store.get({ object, kind: recordKind.shard, stripe: Math.floor(index / 12), row: index % 12 }));
      assert.deepEqual(body.bytes(), kept?.bytes());
    }
    assert.equal(await world.clock.until(space.store(peer(1), digest, 0, text('not the shard'))), true);
    const again = await world.clock.until(space.fetch(peer(1), digest, 0));
    assert.ok(again !== undefined);
  }
  assert.deepEqual([...rows].sort((a, b) => a - b), Array.from({ length: 36 }, (_, index) => index));
  const report = await world.clock.until(engineOf(nodeAt(world, 3)).repairOnce());
  assert.equal(report.objectsBelowTarget, 0);
  assert.deepEqual(engineOf(nodeAt(world, 3)).held.unclaimed(), []);
});

test('heads come back as they were, and no bytes break the parser', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 255 }), fc.nat({ max: 2 ** 31 }), fc.uint8Array({ maxLength: 50 }), (seed, storedMs, shard) => {
    const record = encodeForeignRecord({ peer: peer(seed), storedMs }, shard);
    assert.deepEqual(parseForeignHead(record), { peer: peer(seed), storedMs });
    assert.deepEqual(record.subarray(foreignHeadBytes), shard);
  }), { numRuns: 100, seed: 5 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    const head = parseForeignHead(bytes);
    assert.ok(head === undefined || head.peer.startsWith('12D3KooW'));
  }), { numRuns: 5000, seed: 6 });
});

/** Bytes that went bad, peers that lie or refuse, deletions, and two repairers at one time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyFrom } from '../../src/body/body.ts';
import { PangeaError } from '../../src/errors/errors.ts';
import { bytesOfDigest } from '../../src/ids/ids.ts';
import { equalBytes } from '../../src/std/std.ts';
import type { RecordKey } from '../../src/store/store.ts';
import { shardKeys } from '../sim/ledger.ts';
import type { SimNode } from '../sim/node.ts';
import { Scene } from './scene.ts';

test('a shard that rots on the own disk is found and restored in place', async () => {
  const scene = await Scene.open();
  const node = scene.holders()[3] as SimNode;
  const keys = shardKeys(node, scene.object.root);
  assert.ok(keys.slice(0, 2).every((key) => node.store.damage(key)));
  assert.ok(!scene.isWhole());
  assert.deepEqual(await scene.repairOnce(node), { objectsChecked: 1, shardsRestored: 2, objectsBelowTarget: 0, objectsUnreadable: 0 });
  assert.ok(scene.isWhole());
  assert.equal(shardKeys(node, scene.object.root).length, keys.length);
  assert.equal(scene.holders().length, 12);
});

test('a sector that cannot be read is restored like one that rots, and does not end the rounds', async () => {
  const scene = await Scene.open();
  const node = scene.holders()[3] as SimNode;
  const key = shardKeys(node, scene.object.root)[0] as RecordKey;
  const { store } = node;
  const isBroken = (other: RecordKey): boolean => broken && other.stripe === key.stripe && other.row === key.row && equalBytes(other.object, key.object);
  let broken = true;
  const get = store.get.bind(store);
  const put = store.put.bind(store);
  store.get = async (other, range) => {
    if (isBroken(other)) throw new PangeaError('STORE_IO', 'read: i/o error');
    return get(other, range);
  };
  store.put = async (records, durability) => {
    if (records.some((record) => isBroken(record.key))) broken = false;
    await put(records, durability);
  };
  assert.deepEqual(await scene.repairOnce(node), { objectsChecked: 1, shardsRestored: 1, objectsBelowTarget: 0, objectsUnreadable: 0 });
  assert.ok(!broken && scene.isWhole());
});

test('a layout that rots on the own disk is fetched again from another holder', async () => {
  const scene = await Scene.open();
  const node = scene.holders()[3] as SimNode;
  const parts = node.store.records(bytesOfDigest(scene.object.root)).map(({ key }) => key);
  assert.ok(parts.length >= 4 && parts.every((key) => node.store.damage(key)));
  await scene.repairOnce(node);
  for (const key of parts) assert.ok(await node.store.get(key), `kind ${key.kind}`);
  node.crash();
  await scene.world.startNode(node);
  assert.equal(node.objects?.counts().held, 1);
});

test('what a reader finds rotten is restored in the background by whoever is first in order', async () => {
  const scene = await Scene.open({ background: true });
  const node = scene.holders()[8] as SimNode;
  for (const key of shardKeys(node, scene.object.root)) node.store.damage(key);
  await scene.assertReadable();
  await scene.world.clock.run(15 * 60_000);
  assert.ok(scene.isWhole());
});

test('a peer that returns wrong bytes is named, and what it holds is restored on another', async () => {
  const scene = await Scene.open({ nodes: 16 });
  const [liar, gone] = scene.holders().slice(1);
  assert.ok(liar && gone);
  const actor = scene.holders()[5] as SimNode;
  scene.world.network.corrupt(liar.peer, 1);
  gone.destroy();
  await scene.passGrace();
  await scene.repairOnce(actor);
  assert.ok((actor.registry?.get(liar.peer)?.threatScore ?? 0) >= 0.5);
  await scene.repairOnce(actor);
  liar.destroy();
  assert.ok(scene.isWhole(), 'whole without the liar');
});

test('a full disk is passed over', async () => {
  const scene = await Scene.open({ nodes: 14 });
  const free = scene.world.nodes.filter((node) => !scene.holders().includes(node));
  assert.equal(free.length, 2);
  const [full] = free;
  full?.store.setQuota(0);
  scene.holders()[4]?.destroy();
  scene.holders()[4]?.destroy();
  await scene.passGrace();
  for (let round = 0; round < 3 && !scene.isWhole(); round++) await scene.repairOnce(scene.holders()[0] as SimNode);
  assert.ok(scene.isWhole());
  assert.equal(shardKeys(full as SimNode, scene.object.root).length, 0);
});

test('two repairers at one time leave every row once', async () => {
  const scene = await Scene.open({ nodes: 16 });
  const gone = scene.holders().slice(4, 6);
  const lost = gone.reduce((sum, node) => sum + shardKeys(node, scene.object.root).length, 0);
  for (const node of gone) node.destroy();
  await scene.passGrace();
  const [first, second] = scene.holders() as [SimNode, SimNode];
  const reports = await scene.world.clock.until(Promise.all([first.objects?.repairOnce(), second.objects?.repairOnce()]));
  assert.ok(scene.isWhole());
  assert.equal(scene.holders().reduce((sum, node) => sum + shardKeys(node, scene.object.root).length, 0), 4 * 12);
  const restored = reports.reduce((sum, report) => sum + (report?.shardsRestored ?? 0), 0);
  assert.ok(restored >= lost && restored <= 2 * lost, `${restored} of ${lost}`);
});

test('a target serves one repairer of a stripe range at a time', async () => {
  const scene = await Scene.open({ nodes: 16 });
  const target = scene.holders()[0] as SimNode;
  const [first, second] = scene.holders().slice(1);
  const key = shardKeys(target, scene.object.root)[0];
  assert.ok(first?.transport && second?.transport && key);
  const [body, info] = [await target.store.get(key), target.store.stat(key)];
  assert.ok(body && info);
  const put = { type: 'put', object: bytesOfDigest(scene.object.root), stripe: key.stripe, row: key.row, identity: info.identity, durability: 'memory', repair: true } as const;
  const status = async (node: SimNode): Promise<number | undefined> => (await scene.world.clock.until((node.transport as NonNullable<SimNode['transport']>).request(target.peer, put, { body }))).status;
  assert.deepEqual([await status(first), await status(second), await status(first)], [0, 7, 0]);
  await scene.world.clock.run(11_000);
  assert.equal(await status(second), 0);
});

test('an object that is deleted while it is repaired stays deleted', async () => {
  const scene = await Scene.open({ nodes: 16 });
  scene.holders()[7]?.destroy();
  await scene.passGrace();
  const actor = scene.holders()[2] as SimNode;
  const repair = actor.objects?.repairOnce();
  await scene.world.clock.run(30);
  await scene.world.clock.until(scene.ledger.remove(scene.world.nodes[0] as SimNode, scene.object));
  await scene.world.clock.until(repair as Promise<unknown>);
  await scene.world.clock.run(60_000);
  for (const node of scene.world.live) await scene.repairOnce(node);
  assert.deepEqual(scene.holders().map(({ name }) => name), []);
  assert.equal(await scene.world.clock.until(scene.ledger.get(scene.world.live[3] as SimNode, scene.object)), false);
});

test('a holder that was away while the object was deleted learns it with its proof, and does not bring it back', async () => {
  const scene = await Scene.open({ nodes: 16, background: true });
  const away = scene.holders()[9] as SimNode;
  away.crash();
  await scene.world.clock.until(scene.ledger.remove(scene.world.nodes[0] as SimNode, scene.object));
  await scene.world.clock.run(6 * 60_000);
  await scene.world.startNode(away);
  assert.equal(scene.holders().length, 1);
  await scene.world.clock.run(10 * 60_000);
  assert.deepEqual(scene.holders().map(({ name }) => name), []);
});

test('a peer that only claims a deletion is named, and nothing is deleted', async () => {
  const scene = await Scene.open();
  const liar = scene.holders()[6] as SimNode;
  const actor = scene.holders()[0] as SimNode;
  liar.lie = (request, reply) => {
    if (request.type === 'have' && reply.status === 0) return { ...reply, answer: { ...reply.answer, deleted: true } };
    return reply;
  };
  const report = await scene.repairOnce(actor);
  assert.deepEqual([report.objectsChecked, report.objectsUnreadable], [1, 0]);
  assert.equal(scene.holders().length, 12);
  liar.lie = (request, reply) => {
    if (request.type === 'get' && request.kind === 5) return { status: 0, answer: { totalBytes: 48 }, body: bodyFrom(new Uint8Array(48)) };
    return request.type === 'have' && reply.status === 0 ? { ...reply, answer: { ...reply.answer, deleted: true } } : reply;
  };
  await scene.repairOnce(actor);
  assert.equal(scene.holders().length, 12);
  assert.ok((actor.registry?.get(liar.peer)?.threatScore ?? 0) > 0);
});

test('repair keeps to its window of bytes', async () => {
  const windowBytes = 1024 * 1024;
  const scene = await Scene.open({ nodes: 16, bytes: 6_000_000, settings: { repairWindowBytes: windowBytes } });
  for (const node of scene.holders().slice(1, 4)) node.destroy();
  await scene.passGrace();
  const actor = scene.holders()[0] as SimNode;
  const repair = actor.objects?.repairOnce() as Promise<unknown>;
  let peak = 0;
  let done = false;
  void repair.then(() => (done = true));
  while (!done) {
    peak = Math.max(peak, actor.metrics.read().get('pangea_objects_repair_window_bytes') ?? 0);
    await scene.world.clock.run(5);
  }
  assert.ok(peak > 0 && peak <= windowBytes, `${peak} bytes`);
  assert.ok(scene.isWhole());
});

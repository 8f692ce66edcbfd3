/** Holders that are lost, away, or back: what is restored, by whom, and what is left alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shardKeys } from '../sim/ledger.ts';
import type { SimNode } from '../sim/node.ts';
import { minuteMs, Scene } from './scene.ts';

for (let lost = 1; lost <= 4; lost++) {
  test(`${lost} lost holders: their rows are restored after the grace time, not before`, async () => {
    const scene = await Scene.open({ nodes: 16 });
    const gone = scene.holders().slice(2, 2 + lost);
    const keys = gone.flatMap((node) => shardKeys(node, scene.object.root));
    for (const node of gone) node.destroy();
    const actor = scene.holders()[0] as SimNode;
    await scene.world.clock.run(2 * minuteMs);
    const early = await scene.repairOnce(actor);
    assert.deepEqual(early, { objectsChecked: 1, shardsRestored: 0, objectsBelowTarget: 0, objectsUnreadable: 0 });
    await scene.passGrace();
    const report = await scene.repairOnce(actor);
    assert.deepEqual(report, { objectsChecked: 1, shardsRestored: keys.length, objectsBelowTarget: 0, objectsUnreadable: 0 });
    assert.ok(scene.isWhole());
    await scene.assertReadable();
    assert.equal((await scene.repairOnce(scene.holders()[1] as SimNode)).shardsRestored, 0);
  });
}

test('every holder learns who the new ones are, and a reader needs no more than that', async () => {
  const scene = await Scene.open();
  const [gone] = scene.holders().slice(3);
  assert.ok(gone);
  gone.destroy();
  await scene.passGrace();
  await scene.repairOnce(scene.holders()[0] as SimNode);
  const holders = scene.holders();
  assert.equal(holders.length, 12);
  for (const node of holders) {
    assert.deepEqual(new Set(node.hintOf(scene.object.root)), new Set(holders.map(({ peer }) => peer)), node.name);
  }
});

test('a holder that is silent for less than the grace time, again and again, costs nothing', async () => {
  const scene = await Scene.open({ background: true });
  const flapping = scene.holders()[4] as SimNode;
  for (let round = 0; round < 6; round++) {
    flapping.crash();
    await scene.world.clock.run(3 * minuteMs);
    await scene.world.startNode(flapping);
    await scene.world.clock.run(1.5 * minuteMs);
  }
  assert.deepEqual(scene.world.nodes.map((node) => scene.restoredBy(node)), scene.world.nodes.map(() => 0));
  assert.equal(scene.holders().length, 12);
});

test('a holder that comes back after its rows were restored keeps them: extra copies do no harm', async () => {
  const scene = await Scene.open();
  const away = scene.holders()[5] as SimNode;
  const before = shardKeys(away, scene.object.root).length;
  away.crash();
  await scene.passGrace();
  await scene.repairOnce(scene.holders()[0] as SimNode);
  await scene.world.startNode(away);
  await scene.world.clock.run(20 * minuteMs);
  assert.equal(shardKeys(away, scene.object.root, true).length, before);
  assert.equal(scene.holders().length, 13);
  const report = await scene.repairOnce(scene.holders()[0] as SimNode);
  assert.deepEqual([report.shardsRestored, report.objectsBelowTarget], [0, 0]);
});

test('in the background one holder acts, in order, and the others find the work done', async () => {
  const scene = await Scene.open({ background: true });
  const [gone] = scene.holders().slice(6);
  assert.ok(gone);
  const rows = shardKeys(gone, scene.object.root).length;
  gone.destroy();
  await scene.world.clock.run(15 * minuteMs);
  assert.ok(scene.isWhole());
  const actors = scene.world.nodes.filter((node) => scene.restoredBy(node) > 0);
  assert.equal(actors.length, 1);
  assert.equal(scene.restoredBy(actors[0] as SimNode), rows);
  assert.deepEqual(scene.world.live.map((node) => node.objects?.counts().underRepair), scene.world.live.map(() => 0));
});

test('when the first in order dies before it acts, the next one does', async () => {
  const scene = await Scene.open({ background: true, nodes: 16 });
  const [gone] = scene.holders();
  gone?.destroy();
  let actor: SimNode | undefined;
  for (let step = 0; step < 100 && actor === undefined; step++) {
    await scene.world.clock.run(10_000);
    actor = scene.world.live.find((node) => (node.objects?.counts().underRepair ?? 0) > 0);
  }
  assert.ok(actor);
  actor.destroy();
  await scene.world.clock.run(20 * minuteMs);
  assert.ok(scene.isWhole());
});

test('a node that was deaf itself gives nobody up before it has listened for the grace time', async () => {
  const scene = await Scene.open();
  const actor = scene.holders()[0] as SimNode;
  actor.crash();
  await scene.passGrace();
  scene.world.network.partition([[actor.peer]]);
  await scene.world.startNode(actor);
  const report = await scene.repairOnce(actor);
  assert.deepEqual([report.shardsRestored, report.objectsUnreadable], [0, 0]);
  await scene.passGrace();
  assert.equal((await scene.repairOnce(actor)).objectsUnreadable, 1);
  scene.world.network.heal();
  await scene.world.clock.run(2 * minuteMs);
  assert.deepEqual(await scene.repairOnce(actor), { objectsChecked: 1, shardsRestored: 0, objectsBelowTarget: 0, objectsUnreadable: 0 });
});

test('five lost holders: the object is reported as unreadable, nothing is tried again and again, and it recovers with one holder', async () => {
  const scene = await Scene.open({ nodes: 16, background: true });
  const gone = scene.holders().slice(0, 5);
  for (const node of gone) node.crash();
  await scene.world.clock.run(12 * minuteMs);
  const actor = scene.holders()[6] as SimNode;
  assert.deepEqual(await scene.repairOnce(actor), { objectsChecked: 1, shardsRestored: 0, objectsBelowTarget: 1, objectsUnreadable: 1 });
  const before = scene.world.clock.events;
  await scene.world.clock.run(10 * minuteMs);
  assert.ok(scene.world.clock.events - before < 10_000, `${scene.world.clock.events - before} events in ten minutes`);
  assert.equal(actor.metrics.read().get('pangea_objects_unreadable'), 1);
  await scene.world.startNode(gone[0] as SimNode);
  await scene.world.clock.run(15 * minuteMs);
  assert.ok(scene.isWhole());
  assert.equal(actor.metrics.read().get('pangea_objects_unreadable'), 0);
  await scene.assertReadable();
});

test('with fewer than twelve peers the rows of a lost one go to those with the fewest', async () => {
  const scene = await Scene.open({ nodes: 7 });
  const [, , gone] = scene.holders();
  assert.ok(gone);
  gone.destroy();
  await scene.passGrace();
  const report = await scene.repairOnce(scene.holders()[0] as SimNode);
  assert.ok(report.shardsRestored > 0);
  assert.ok(scene.isWhole());
  const counts = scene.holders().map((node) => shardKeys(node, scene.object.root).length);
  assert.deepEqual(counts.map((count) => count / 4), [2, 2, 2, 2, 2, 2]);
});

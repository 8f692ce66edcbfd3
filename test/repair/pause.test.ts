/** Pausing the rounds, and what is told of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shardKeys } from '../sim/ledger.ts';
import type { SimNode } from '../sim/node.ts';
import { minuteMs, Scene } from './scene.ts';

test('paused nodes restore nothing until they go on; a look that is asked for is taken in any case', async () => {
  const scene = await Scene.open({ nodes: 16, background: true });
  const told: string[] = [];
  for (const node of scene.world.nodes) node.objects?.on({ repairPaused: (paused) => told.push(`${node.name} ${paused}`) });
  for (const node of scene.world.nodes) node.objects?.pauseRepair(true);
  scene.world.nodes[0]?.objects?.pauseRepair(true);
  assert.equal(told.length, 16, 'told once a change');
  const gone = scene.holders()[4] as SimNode;
  const lost = shardKeys(gone, scene.object.root).length;
  gone.destroy();
  await scene.passGrace();
  await scene.world.clock.run(30 * minuteMs);
  assert.equal(scene.holders().length, 11);
  assert.ok(scene.world.live.every((node) => node.objects?.repairState().paused === true));
  for (const node of scene.world.live) node.objects?.pauseRepair(false);
  await scene.world.clock.run(10 * minuteMs);
  assert.equal(scene.holders().length, 12);
  assert.ok(scene.isWhole());
  const restored = scene.world.live.map((node) => node.objects?.repairState().shardsRestored ?? 0);
  assert.equal(restored.reduce((sum, each) => sum + each, 0), lost);

  const actor = scene.holders()[0] as SimNode;
  actor.objects?.pauseRepair(true);
  assert.equal((await scene.repairOnce(actor)).objectsChecked, 1);
  assert.equal(actor.objects?.repairState().last?.objectsChecked, 1);
});

test('rounds, restored objects and unreadable ones are told, the last once', async () => {
  const scene = await Scene.open({ nodes: 16 });
  const actor = scene.holders()[0] as SimNode;
  const told: string[] = [];
  actor.objects?.on({
    repairRound: ({ shardsRestored }) => told.push(`round ${shardsRestored}`),
    restored: (root, shards) => told.push(`restored ${root === scene.object.root} ${shards}`),
    unreadable: (root) => told.push(`unreadable ${root === scene.object.root}`),
  });
  const [first] = scene.holders().slice(3);
  const lost = shardKeys(first as SimNode, scene.object.root).length;
  first?.destroy();
  await scene.passGrace();
  await scene.repairOnce(actor);
  assert.deepEqual(told.splice(0), [`restored true ${lost}`, `round ${lost}`]);
  for (const node of scene.holders().filter((each) => each !== actor).slice(0, 6)) node.destroy();
  await scene.passGrace();
  await scene.repairOnce(actor);
  await scene.repairOnce(actor);
  assert.deepEqual(told, ['unreadable true', 'round 0', 'round 0']);
});

test('a paused node stops at once', async () => {
  const scene = await Scene.open({ background: true });
  const node = scene.holders()[0] as SimNode;
  node.objects?.pauseRepair(true);
  await scene.world.clock.run(3 * minuteMs);
  assert.ok(node.objects);
  await scene.world.clock.until(node.objects.stop(1000), minuteMs);
});

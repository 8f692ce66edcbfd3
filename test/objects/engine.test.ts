import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLink, parseLink } from '../../src/objects/format/link.ts';
import { simulatedPeerId } from '../sim/peer-ids.ts';
import { assertCode, assertSame, collect, engineOf, get, nodeAt, noise, openWorld, put, stream, stripeBytes } from './world.ts';

const timeout = 120_000;

test('stop lets puts and gets under way finish, and ends what outlasts the deadline', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(6 * stripeBytes);
  const writer = engineOf(nodeAt(world, 0));
  const written = writer.put(stream(bytes), { name: 'late' });
  const [result] = await world.clock.until(Promise.all([written, writer.stop(60_000)]));
  assertSame(await get(world, nodeAt(world, 3), result.link), bytes);
  await assertCode(world.clock.until(writer.put(stream(bytes), { name: 'too late' })), 'ABORTED');

  const reader = engineOf(nodeAt(world, 4));
  const { content } = await world.clock.until(reader.get(result.link));
  const read = collect(content);
  await world.clock.until(reader.stop(60_000));
  assertSame(await world.clock.until(read), bytes);

  const idle = engineOf(nodeAt(world, 5));
  const left = (await world.clock.until(idle.get(result.link))).content[Symbol.asyncIterator]();
  await world.clock.until(left.next());
  const startMs = world.clock.monotonicMs();
  await world.clock.until(idle.stop(2_000));
  assert.ok(world.clock.monotonicMs() - startMs <= 2_500);
  await assertCode(world.clock.until((async () => { while (!(await left.next()).done); })()), 'ABORTED');
});

test('after a restart a node holds what it held, gives it, and announces it again', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(2 * stripeBytes + 5);
  const { link } = await put(world, nodeAt(world, 0), bytes);
  for (const node of world.nodes) node.crash();
  for (const node of world.nodes) await world.startNode(node);
  await world.clock.run(10_000);
  for (const node of world.nodes) assert.equal(engineOf(node).counts().held, 1);
  assertSame(await get(world, nodeAt(world, 9), link), bytes);
  assert.equal(engineOf(nodeAt(world, 0)).counts().catalogue, 1);
});

test('a reader that knows few peers finds the others through the DHT and the hint', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(3 * stripeBytes);
  const { link } = await put(world, nodeAt(world, 0), bytes);
  await world.clock.run(5_000);
  const announced = await world.dht.dht(simulatedPeerId(world.random), [], { rules: {}, clock: world.clock }).findProviders(parseLink(link).root);
  assert.equal(announced.length, 4);
  const late = await world.addNode();
  for (const record of late.registry?.list() ?? []) late.registry?.forget(record.peer);
  assertSame(await get(world, late, link), bytes);
});

test('info counts what is there and names who is away', { timeout }, async () => {
  const world = await openWorld(12);
  const { link, root } = await put(world, nodeAt(world, 0), noise(3 * stripeBytes), { name: 'watched' });
  nodeAt(world, 3).crash();
  nodeAt(world, 8).crash();
  const info = await world.clock.until(engineOf(nodeAt(world, 1)).info(link));
  assert.equal(info.root, root);
  assert.deepEqual([info.shardsTotal, info.shardsPresent], [36, 30]);
  assert.equal(info.survivesFailures, 2);
  assert.deepEqual(info.holders.filter(({ live }) => !live).map(({ peer }) => peer).sort(), [3, 8].map((index) => nodeAt(world, index).peer as string).sort());
});

test('info of a directory speaks for its packs and large files as well', { timeout }, async () => {
  const world = await openWorld(12);
  const writer = engineOf(nodeAt(world, 0));
  const entries = ['a', 'b'].map((path, index) => {
    const content = noise(index === 0 ? 5_000 : 150_000, index);
    return { path, type: 'file' as const, mode: 0o644, modifiedMs: 0, bytes: content.length, content: stream(content) };
  });
  const tree = await world.clock.until(writer.putTree((async function* () { yield* entries; })(), { name: 'tree' }));
  nodeAt(world, 3).crash();
  const info = await world.clock.until(writer.info(tree.link));
  assert.equal(info.storedBytes > 155_000 * 1.4, true);
  assert.equal(info.shardsTotal % 12, 0);
  assert.ok(info.shardsTotal >= 36 && info.shardsPresent < info.shardsTotal);
  assert.equal(info.survivesFailures, 3);
  const wrong = formatLink({ root: parseLink(tree.link).root, key: new Uint8Array(32) });
  await assertCode(world.clock.until(writer.info(wrong)), 'WRONG_KEY');
});

test('many small objects at once are put and read', { timeout }, async () => {
  const world = await openWorld(12);
  const objects = Array.from({ length: 60 }, (_, index) => noise(index * 37, index));
  const results = await world.clock.until(Promise.all(objects.map((bytes, index) => engineOf(nodeAt(world, index % 12)).put(stream(bytes), { name: `o${index}` }))));
  const read = await world.clock.until(Promise.all(results.map(async ({ link }, index) =>
    collect((await engineOf(nodeAt(world, (index + 5) % 12)).get(link)).content))));
  read.forEach((bytes, index) => assertSame(bytes, objects[index] as Uint8Array));
});

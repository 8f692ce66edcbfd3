import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOfDigest, parseDigest } from '../../src/ids/ids.ts';
import type { TreeEntry } from '../../src/objects/types.ts';
import { recordKind } from '../../src/store/store.ts';
import { status } from '../../src/transport/transport.ts';
import { assertCode, assertSame, collect, engineOf, get, nodeAt, noise, openWorld, put, stream, stripeBytes, watch } from './world.ts';

const timeout = 120_000;

test('a removed object is gone everywhere and stays gone after a restart', { timeout }, async () => {
  const world = await openWorld(12);
  const { link, root } = await put(world, nodeAt(world, 0), noise(2 * stripeBytes));
  const removed = await world.clock.until(engineOf(nodeAt(world, 0)).remove(link));
  assert.deepEqual(removed, { root, confirmed: 12, holders: 12 });
  const error = await assertCode(get(world, nodeAt(world, 4), link), 'NOT_FOUND');
  assert.equal(error.data['deleted'], true);
  for (const node of world.nodes) {
    assert.equal(engineOf(node).counts().held, 0);
    assert.equal(node.store.usage().records, 1, 'the tombstone alone is left');
    node.crash();
    await world.startNode(node);
  }
  await world.clock.run(5_000);
  await assertCode(get(world, nodeAt(world, 4), link), 'NOT_FOUND');
});

test('a holder that was away during the removal cannot be read from afterwards', { timeout }, async () => {
  const world = await openWorld(12);
  const { link } = await put(world, nodeAt(world, 0), noise(1000));
  nodeAt(world, 5).crash();
  const removed = await world.clock.until(engineOf(nodeAt(world, 0)).remove(link));
  assert.deepEqual([removed.confirmed, removed.holders], [11, 12]);
  await world.startNode(nodeAt(world, 5));
  await world.clock.run(5_000);
  await assertCode(get(world, nodeAt(world, 3), link), 'NOT_FOUND');
});

test('nobody but the owner of the key removes an object', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(1000);
  const { root } = await put(world, nodeAt(world, 0), bytes);
  await assertCode(world.clock.until(engineOf(nodeAt(world, 3)).remove(root)), 'WRONG_KEY');
  const digest = parseDigest(root);
  assert.ok(digest);
  const engine = engineOf(nodeAt(world, 4));
  const reply = await engine.handle(nodeAt(world, 3).peer, { type: 'delete', root: bytesOfDigest(digest), secret: noise(32) });
  assert.equal(reply.status, 3);
  assertSame(await get(world, nodeAt(world, 0), root), bytes);
});

test('removing what is gone takes it from the catalogue', { timeout }, async () => {
  const world = await openWorld(12);
  const { link, root } = await put(world, nodeAt(world, 0), noise(1000), { name: 'gone' });
  await world.clock.until(engineOf(nodeAt(world, 1)).remove(link));
  assert.equal(engineOf(nodeAt(world, 0)).counts().catalogue, 1);
  assert.deepEqual(await world.clock.until(engineOf(nodeAt(world, 0)).remove('gone')), { root, confirmed: 0, holders: 0 });
  assert.equal(engineOf(nodeAt(world, 0)).counts().catalogue, 0);
  await assertCode(world.clock.until(engineOf(nodeAt(world, 0)).remove('gone')), 'NOT_FOUND');
});

test('a peer that lies about a deletion hides nothing and costs the owner no entry', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(1000);
  const { link } = await put(world, nodeAt(world, 0), bytes, { name: 'kept' });
  const liar = nodeAt(world, 4);
  watch(world, (to, request) => (to === liar && request.type === 'get' ? { status: status.gone, message: 'deleted' } : undefined));
  for (const index of [1, 2, 3]) assertSame(await get(world, nodeAt(world, index), link), bytes);
  for (const node of world.nodes) if (node !== liar && node !== nodeAt(world, 0)) node.crash();
  await world.clock.until(nodeAt(world, 0).store.remove(nodeAt(world, 0).store.objects(recordKind.holders).map((object) => ({ object, kind: recordKind.holders, stripe: 0, row: 0 }))));
  nodeAt(world, 0).crash();
  await world.startNode(nodeAt(world, 0));
  const error = await assertCode(world.clock.until(engineOf(nodeAt(world, 0)).remove('kept')), 'NOT_FOUND');
  assert.equal(error.data['deleted'], false);
  assert.equal(engineOf(nodeAt(world, 0)).counts().catalogue, 1);
});

test('a tree is put, read whole and by path, and removed with its members', { timeout }, async () => {
  const world = await openWorld(12);
  const files = new Map([['a.txt', noise(10, 1)], ['b/c.bin', noise(stripeBytes * 2, 2)], ['b/d.txt', noise(60_000, 3)], ['empty', noise(0)]]);
  const entries = async function* (): AsyncGenerator<TreeEntry> {
    yield { path: 'b', type: 'directory', mode: 0o755, modifiedMs: 5, bytes: 0 };
    for (const [path, bytes] of files) yield { path, type: 'file', mode: 0o644, modifiedMs: 7, bytes: bytes.length, content: stream(bytes) };
    yield { path: 'link', type: 'symlink', mode: 0o777, modifiedMs: 9, bytes: 0, target: 'a.txt' };
  };
  const result = await world.clock.until(engineOf(nodeAt(world, 0)).putTree(entries(), { name: 'tree' }));
  assert.equal(result.kind, 'directory');
  assert.equal(result.bytes, [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0));
  const reader = engineOf(nodeAt(world, 6));
  const tree = await world.clock.until(reader.getTree(result.link));
  const seen: string[] = [];
  await world.clock.until((async () => {
    for await (const entry of tree.entries) {
      seen.push(entry.path);
      if (entry.content) assertSame(await collect(entry.content), files.get(entry.path) as Uint8Array);
    }
  })());
  assert.deepEqual(seen, ['a.txt', 'b', 'b/c.bin', 'b/d.txt', 'empty', 'link']);
  assertSame(await get(world, nodeAt(world, 6), result.link, { path: 'b/d.txt', offset: 5 }), (files.get('b/d.txt') as Uint8Array).subarray(5));
  assertSame(await get(world, nodeAt(world, 6), result.link, { path: 'empty' }), new Uint8Array(0));
  await assertCode(get(world, nodeAt(world, 6), result.link, { path: 'nothing' }), 'NOT_FOUND');
  await assertCode(get(world, nodeAt(world, 6), result.link, { path: 'b' }), 'USAGE');
  await world.clock.until(engineOf(nodeAt(world, 0)).remove(result.link));
  for (const node of world.nodes) assert.equal(engineOf(node).counts().held, 0);
});

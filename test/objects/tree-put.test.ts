/** Trees whose parts fail. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PangeaError } from '../../src/errors/errors.ts';
import { putTree, type PutObject } from '../../src/objects/put/tree-put.ts';
import type { TreeEntry } from '../../src/objects/types.ts';
import { assertCode, engineOf, nodeAt, noise, openWorld, stream } from './world.ts';

test('a pack that fails before the next file gives its first bytes fails the put and nothing else', async () => {
  const failing: PutObject = async (content) => {
    for await (const _ of content) throw new PangeaError('NOT_ENOUGH_PEERS', 'every holder failed');
    assert.fail('the pack was empty');
  };
  const later = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 5));
  async function* slowly(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    await later();
    yield bytes;
  }
  async function* entries(): AsyncGenerator<TreeEntry> {
    for (const path of ['a', 'b']) yield { path, type: 'file', mode: 0o600, modifiedMs: 0, bytes: 100, content: slowly(noise(100)) };
  }
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    await assertCode(putTree(failing, async () => undefined, entries(), { name: 'tree' }), 'NOT_ENOUGH_PEERS');
    await later();
  } finally {
    process.off('unhandledRejection', note);
  }
  assert.deepEqual(unhandled, []);
});

test('what was stored of a tree that fails is deleted', { timeout: 60_000 }, async () => {
  const world = await openWorld(12);
  const held = (): number => world.nodes.reduce((sum, node) => sum + engineOf(node).counts().held, 0);
  let stored = 0;
  async function* entries(): AsyncGenerator<TreeEntry> {
    for (const path of ['a', 'b']) yield { path, type: 'file', mode: 0o600, modifiedMs: 0, bytes: 100_000, content: stream(noise(100_000)) };
    stored = held();
    throw new PangeaError('USAGE', 'the folder vanished');
  }
  await assertCode(world.clock.until(engineOf(nodeAt(world, 3)).putTree(entries(), { name: 'tree' })), 'USAGE');
  assert.equal(stored, 24);
  await world.clock.run(10_000);
  assert.equal(held(), 0);
});

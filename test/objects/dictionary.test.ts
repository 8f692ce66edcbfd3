import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxDictionaryBytes } from '../../src/codec/codec.ts';
import { decodeTree, encodeTree } from '../../src/control/control.ts';
import { collectSamples } from '../../src/objects/put/dictionary.ts';
import type { PutResult, TreeEntry } from '../../src/objects/types.ts';
import { recordKind } from '../../src/store/store.ts';
import { dictionaryVector, smallRecords } from '../conformance/codec-dictionary.ts';
import { assertCode, assertSame, engineOf, get, nodeAt, noise, openWorld, put, segmentBytes, stream, stripeBytes, watch, type World } from './world.ts';

const timeout = 120_000;
const { dictionary } = dictionaryVector();
const records = smallRecords(20);
const [record] = records as [Uint8Array];

async function worldWithDictionary(): Promise<{ world: World; stored: PutResult }> {
  const world = await openWorld(12, { settings: { compression: { kind: 'auto', minLevel: 3, maxLevel: 9 } } });
  return { world, stored: await put(world, nodeAt(world, 0), dictionary, { name: 'records', mediaType: 'application/x-zstd-dictionary' }) };
}

test('small objects shrink, and any node reads them by their link alone', { timeout }, async () => {
  const { world, stored } = await worldWithDictionary();
  let [without, withIt] = [0, 0];
  for (const each of records) {
    without += (await put(world, nodeAt(world, 0), each)).compression.compressedBytes;
    const result = await put(world, nodeAt(world, 0), each, { dictionary: 'records' });
    withIt += result.compression.compressedBytes;
    assert.equal(result.compression.dictionary, stored.root);
    assertSame(await get(world, nodeAt(world, 7), result.link), each);
  }
  assert.ok(withIt * 2 < without, `${withIt} bytes against ${without}`);
});

test('the dictionary is fetched once', { timeout }, async () => {
  const { world, stored } = await worldWithDictionary();
  const links: string[] = [];
  for (const each of records) links.push((await put(world, nodeAt(world, 0), each, { dictionary: stored.link })).link);
  const reader = nodeAt(world, 3);
  let fetched = 0;
  watch(world, (_to, request) => void (request.type === 'get' && request.kind === recordKind.shard && Buffer.from(request.object).toString('hex') === stored.root && fetched++));
  assertSame(await get(world, reader, links[0] as string), records[0] as Uint8Array);
  const once = fetched;
  assert.ok(once > 0);
  for (const [at, link] of links.entries()) assertSame(await get(world, reader, link), records[at] as Uint8Array);
  assert.equal(fetched, once);
});

test('objects of many stripes use it as well, and ranges of them can be read', { timeout }, async () => {
  const { world } = await worldWithDictionary();
  const bytes = Buffer.concat(smallRecords(15_000)).subarray(0, 3 * stripeBytes + 77);
  const result = await put(world, nodeAt(world, 0), bytes, { dictionary: 'records' });
  assertSame(await get(world, nodeAt(world, 4), result.link), bytes);
  const range = { offset: 2 * segmentBytes - 5, length: 100 };
  assertSame(await get(world, nodeAt(world, 4), result.link, range), bytes.subarray(range.offset, range.offset + range.length));
});

test('what is no dictionary is refused before anything is stored', { timeout }, async () => {
  const { world, stored } = await worldWithDictionary();
  const node = nodeAt(world, 0);
  await put(world, node, noise(3000), { name: 'noise' });
  await put(world, node, noise(maxDictionaryBytes + 1), { name: 'large' });
  await put(world, node, dictionary, { name: 'needs another', dictionary: stored.root });
  const before = engineOf(node).counts().catalogue;
  const withDictionary = (name: string): Promise<unknown> => put(world, node, record, { name: 'refused', dictionary: name });
  await assertCode(withDictionary('noise'), 'DICTIONARY_INVALID');
  await assertCode(withDictionary('large'), 'DICTIONARY_INVALID');
  assert.match((await assertCode(withDictionary('needs another'), 'DICTIONARY_INVALID')).message, /needs another dictionary itself/);
  await assertCode(withDictionary('unknown'), 'NOT_FOUND');
  assert.equal(engineOf(node).counts().catalogue, before);
});

test('a directory takes none, and says why', { timeout }, async () => {
  const { world } = await worldWithDictionary();
  const tree = engineOf(nodeAt(world, 0)).putTree((async function* () {})(), { name: 'tree', dictionary: 'records' });
  assert.match((await assertCode(world.clock.until(tree), 'USAGE')).message, /packed together/);
});

test('a node that stores uncompressed refuses one', { timeout }, async () => {
  const world = await openWorld(12);
  await put(world, nodeAt(world, 0), dictionary, { name: 'records' });
  await assertCode(put(world, nodeAt(world, 0), record, { dictionary: 'records' }), 'USAGE');
});

test('a dictionary stays as long as something of the catalogue needs it', { timeout }, async () => {
  const { world, stored } = await worldWithDictionary();
  const node = nodeAt(world, 0);
  const user = await put(world, node, record, { name: 'user.json', dictionary: 'records' });
  const remove = (reference: string): Promise<unknown> => world.clock.until(engineOf(node).remove(reference));
  assert.match((await assertCode(remove('records'), 'USAGE')).message, /"user\.json" cannot be read without/);
  assertSame(await get(world, nodeAt(world, 5), stored.link), dictionary);
  await remove(user.link);
  await remove('records');
  await assertCode(get(world, nodeAt(world, 6), stored.link), 'NOT_FOUND');
});

test('nothing is put with a dictionary that was deleted, although its bytes are still known', { timeout }, async () => {
  for (const remover of [0, 1]) {
    const { world, stored } = await worldWithDictionary();
    const node = nodeAt(world, 0);
    const user = await put(world, node, record, { dictionary: stored.link });
    await world.clock.until(engineOf(node).remove(user.link));
    await world.clock.until(engineOf(nodeAt(world, remover)).remove(stored.link));
    await assertCode(put(world, node, record, { dictionary: stored.link }), 'NOT_FOUND');
  }
});

test('a dictionary stays while a put uses it', { timeout }, async () => {
  const { world, stored } = await worldWithDictionary();
  const engine = engineOf(nodeAt(world, 0));
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const content = async function* (): AsyncGenerator<Uint8Array> {
    begun.resolve();
    await goOn.promise;
    yield record;
  };
  const putting = engine.put(content(), { name: 'slow', dictionary: stored.link });
  await world.clock.until(begun.promise);
  assert.match((await assertCode(world.clock.until(engine.remove(stored.link)), 'USAGE')).message, /under way/);
  goOn.resolve();
  const { link } = await world.clock.until(putting);
  assertSame(await get(world, nodeAt(world, 5), link), record);
  await world.clock.until(engine.remove(link));
  await world.clock.until(engine.remove(stored.link));
});

test('without its dictionary an object says that it is not found, not that it is corrupt', { timeout }, async () => {
  const { world, stored } = await worldWithDictionary();
  const user = await put(world, nodeAt(world, 0), record, { dictionary: 'records' });
  // Its owner's other node does not know what needs it.
  await world.clock.until(engineOf(nodeAt(world, 1)).remove(stored.link));
  await assertCode(get(world, nodeAt(world, 8), user.link), 'NOT_FOUND');
});

test('a backend that cannot learn says so, and stores nothing', { timeout }, async () => {
  const { world } = await worldWithDictionary();
  const engine = engineOf(nodeAt(world, 0));
  const before = engine.counts().catalogue;
  const samples = async function* () {
    for (const [at, each] of records.entries()) yield { path: `${at}`, type: 'file' as const, mode: 0o600, modifiedMs: 0, bytes: each.length, content: stream(each) };
  };
  await assertCode(world.clock.until(engine.trainDictionary(samples(), { name: 'learnt', bytes: 2048 })), 'NOT_SUPPORTED');
  assert.equal(engine.counts().catalogue, before);
});

test('a long sample does not spoil those behind it on their way through a stream', async () => {
  const file = (path: string, bytes: Uint8Array): TreeEntry => ({ path, type: 'file', mode: 0o600, modifiedMs: 0, bytes: bytes.length, content: stream(bytes) });
  const entries = async function* (): AsyncGenerator<TreeEntry> {
    yield file('0', noise(300_000));
    yield file('1', record);
  };
  assert.deepEqual((await collectSamples(decodeTree(encodeTree(entries())))).map((sample) => sample.length), [131_072, record.length]);
});

test('samples are the beginnings of files, spread over all when there are too many', async () => {
  const files = async function* (count: number, bytes: number) {
    for (let at = 0; at < count; at++) {
      yield { path: `${at}`, type: 'file' as const, mode: 0o600, modifiedMs: 0, bytes, content: stream(new Uint8Array(bytes).fill(at), 50_000) };
    }
  };
  assert.deepEqual((await collectSamples(files(3, 10))).map((sample) => [sample.length, sample[0]]), [[10, 0], [10, 1], [10, 2]]);
  assert.deepEqual((await collectSamples(files(2, 200_000))).map((sample) => sample.length), [131_072, 131_072]);
  const many = await collectSamples(files(256 * 5, 131_072));
  assert.ok(many.length > 64 && many.length <= 256, `${many.length}`);
  assert.deepEqual(many.slice(0, 4).map((sample) => sample[0]), [0, 8, 16, 24]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PangeaError } from '../../../src/errors/errors.ts';
import type { LargeValues } from '../../../src/graph/storage/large.ts';
import { withLargeValues } from '../../../src/graph/storage/large.ts';
import { MemoryLargeValues } from '../../../src/graph/storage/large-memory.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { objectLargeValues } from '../../../src/graph/storage/objects.ts';
import type { GraphStore } from '../../../src/graph/storage/storage.ts';
import { MemoryKv } from '../../../src/kv/kv.ts';
import { collect, delta, graphStoreConformance } from '../../conformance/graph-store.ts';
import { largeValuesConformance } from '../../conformance/large-values.ts';
import { collect as gather, engineOf, nodeAt, openWorld } from '../../objects/world.ts';

// A threshold so low that the suite's own texts are large.
graphStoreConformance('memory with large values', async () => {
  const store = await withLargeValues(new MemoryStore(), new MemoryLargeValues(), new MemoryKv(), { thresholdBytes: 500 });
  return { store, dispose: () => store.close() };
});

largeValuesConformance('memory', async () => ({ values: new MemoryLargeValues(), dispose: async () => {} }));

largeValuesConformance('objects of a node', async () => {
  const world = await openWorld(12);
  const engine = engineOf(nodeAt(world, 0));
  const values = objectLargeValues({
    put: (content, options) => world.clock.until(engine.put(content, options)),
    get: (reference) => world.clock.until((async () => {
      const found = await engine.get(reference);
      const bytes = await gather(found.content);
      return { ...found, content: (async function* () { yield bytes; })() };
    })()),
    remove: (reference) => world.clock.until(engine.remove(reference)),
  });
  return { values, dispose: async () => {} };
});

/** Counts what is kept, and fails when told. */
class WatchedValues extends MemoryLargeValues implements LargeValues {
  readonly kept = new Set<string>();
  failing: 'put' | 'delete' | undefined;

  override async put(bytes: Uint8Array): Promise<string> {
    if (this.failing === 'put') throw new PangeaError('NOT_ENOUGH_PEERS', 'told to fail');
    const reference = await super.put(bytes);
    this.kept.add(reference);
    return reference;
  }

  override async delete(reference: string): Promise<void> {
    if (this.failing === 'delete') throw new PangeaError('PEER_UNREACHABLE', 'told to fail');
    await super.delete(reference);
    this.kept.delete(reference);
  }
}

const long = (letter: string): string => letter.repeat(100_000);

async function opened(inner = new MemoryStore(), values = new WatchedValues(), ledger = new MemoryKv()) {
  return { inner, values, ledger, store: await withLargeValues(inner, values, ledger) };
}

test('large values lie outside, and each is given back whole', async () => {
  const { store, inner, values } = await opened();
  const wide = `\ud800${long('w')}`;
  await store.write([delta('a', { small: 'x', large: long('l'), wide })]);
  assert.equal(values.kept.size, 2);
  assert.ok(String(inner.peek('a')?.value('large')).length < 500);
  const [node] = await store.read(['a']);
  assert.deepEqual([node?.value('small'), node?.value('large'), node?.value('wide')], ['x', long('l'), wide]);
  assert.equal((await store.range('a', { '=': 'large' }))?.value('large'), long('l'));
  assert.equal((await store.range('a', { '%': 50_000 }))?.size, 1);
});

test('a text that looks like a reference is a text', async () => {
  const { store, inner } = await opened();
  await store.write([delta('a', { k: long('l') })]);
  const reference = inner.peek('a')?.value('k') as string;
  await store.write([delta('b', { k: reference })]);
  assert.equal((await store.read(['b']))[0]?.value('k'), reference);
});

test('objects go when their field is written again, and only then', async () => {
  const { store, values } = await opened();
  await store.write([delta('a', { k: long('1'), other: long('o') }, 1)]);
  await store.write([delta('a', { k: long('2') }, 2)]);
  assert.equal(values.kept.size, 2);
  await store.write([delta('a', { k: long('0') }, 0)]); // lost: its own object goes
  assert.equal(values.kept.size, 2);
  assert.equal((await store.read(['a']))[0]?.value('k'), long('2'));
  await Promise.all([3, 4, 5].map((state) => store.write([delta('a', { k: long(String(state)) }, state)])));
  assert.equal(values.kept.size, 2);
  await store.write([delta('a', { k: null }, 9)]);
  assert.equal(values.kept.size, 1);
  assert.equal((await store.read(['a']))[0]?.value('other'), long('o'));
});

test('a missing or exchanged object is an error with a code, never another value', async () => {
  const { store, values } = await opened();
  await store.write([delta('a', { k: long('1') }), delta('b', { k: 'small' })]);
  const [reference] = [...values.kept];
  const get = values.get.bind(values);
  values.get = async () => (await get(reference as string)).map((byte) => byte ^ 1);
  await assert.rejects(store.read(['a']), { code: 'CORRUPT' });
  values.get = get;
  await values.delete(reference as string);
  await assert.rejects(store.read(['a']), { code: 'NOT_FOUND' });
  await assert.rejects(store.range('a', {}), { code: 'NOT_FOUND' });
  assert.equal((await store.read(['b']))[0]?.value('k'), 'small');
});

test('a write whose object or record fails stores nothing, and leaves no object behind', async () => {
  const { store, values, inner } = await opened();
  values.failing = 'put';
  await assert.rejects(store.write([delta('a', { k: long('1') })]), { code: 'NOT_ENOUGH_PEERS' });
  assert.deepEqual(await collect(inner.souls()), []);
  values.failing = undefined;
  const write = inner.write.bind(inner);
  inner.write = async () => { throw new PangeaError('STORE_FULL', 'told to fail'); };
  await assert.rejects(store.write([delta('a', { k: long('1') })]), { code: 'STORE_FULL' });
  assert.equal(values.kept.size, 0);
  inner.write = write;
  await store.write([delta('a', { k: long('1') })]);
  assert.equal((await store.read(['a']))[0]?.value('k'), long('1'));
});

test('what a crash left is removed after the next opening, and what is named stays', async () => {
  const inner = new MemoryStore();
  const values = new WatchedValues();
  const ledger = new MemoryKv();
  // Dies between the ledger and the store: the write never comes back.
  const dying: GraphStore = new Proxy(inner, { get: (target, name) => (name === 'write' ? () => new Promise(() => {}) : bound(target, name as keyof MemoryStore)) });
  const first = await withLargeValues(dying, values, ledger);
  void first.write([delta('a', { k: long('1') }, 2)]);
  const { store } = await opened(inner, values, ledger);
  for (let turn = 0; turn < 100 && values.kept.size === 0; turn++) await new Promise(setImmediate);
  assert.equal(values.kept.size, 1, 'put, and named by nobody');
  await store.write([delta('a', { k: long('2') }, 1)]);
  // Dies between the store and the removal of what it replaced.
  values.failing = 'delete';
  await store.write([delta('a', { k: long('3') }, 3)]);
  values.failing = undefined;
  const again = await withLargeValues(inner, values, ledger);
  await again.close();
  assert.equal(values.kept.size, 1);
  assert.equal((await withLargeValues(inner, values, ledger)) !== undefined, true);
  const [named] = [...values.kept];
  assert.ok(String(inner.peek('a')?.value('k')).includes(`"reference":"${named}"`));
});

function bound(target: MemoryStore, name: keyof MemoryStore): unknown {
  const value = target[name];
  return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
}

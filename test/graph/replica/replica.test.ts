import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPangeaError } from '../../../src/errors/errors.ts';
import type { Delta, Value } from '../../../src/graph/data/types.ts';
import { createReplica } from '../../../src/graph/replica/create.ts';
import type { ReplicaLimits } from '../../../src/graph/replica/limits.ts';
import type { NodeChange, Replica } from '../../../src/graph/replica/replica.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import type { GraphStore } from '../../../src/graph/storage/storage.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { VirtualClock } from '../../sim/clock.ts';
import { assertHolds, modelOf } from './model.ts';
import { SlowStore } from './slow-store.ts';

interface World {
  readonly clock: VirtualClock;
  readonly store: SlowStore;
  readonly replica: Replica;
}

function slow(limits: Partial<ReplicaLimits> = {}, inner = new MemoryStore()): World {
  const clock = new VirtualClock();
  const store = new SlowStore(clock, seededRandom(3), 10, inner);
  return { clock, store, replica: createReplica({ store, clock, limits }) };
}

async function storeOf(...souls: string[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.write(souls.map((soul) => write(soul, 'y', 1, 1)));
  return store;
}

function write(soul: string, key: string, value: Value, state: number): Delta {
  return { soul, fields: [{ key, value, state }] };
}

test('over a store in memory a merge is done when the call returns, watchers included', () => {
  const store = new MemoryStore();
  const replica = createReplica({ store, clock: new VirtualClock() });
  const heard: NodeChange[] = [];
  const off = replica.watch('a', (change) => {
    assert.equal(change.node.value('x'), 1, 'it can be read before it is told');
    heard.push(change);
  });
  assert.ok(replica.resident('a'));
  const { now } = replica.merge([write('a', 'x', 1, 5), write('b', 'y', 2, 5)], 'peer');
  assert.deepEqual(now?.accepted, [write('a', 'x', 1, 5), write('b', 'y', 2, 5)]);
  assert.equal(replica.peek('a'), store.peek('a'), 'the node is not kept twice');
  replica.merge([write('a', 'x', 1, 5)], 'peer');
  replica.merge([write('a', 'x', 0, 4)], 'local');
  assert.deepEqual(heard.map(({ soul, fields, origin }) => ({ soul, fields, origin })), [{ soul: 'a', fields: [{ key: 'x', value: 1, state: 5 }], origin: 'peer' }]);
  off();
  off();
  replica.merge([write('a', 'x', 2, 6)], 'local');
  assert.equal(heard.length, 1);
  const { accepted, old, watched } = replica.stats();
  assert.deepEqual({ accepted, old, watched }, { accepted: 3, old: 2, watched: 0 });
});

test('changes that a watcher makes are told after the one it hears of, to everybody in the same order', () => {
  const replica = createReplica({ store: new MemoryStore(), clock: new VirtualClock() });
  const heard: Value[] = [];
  replica.watch('a', ({ fields }) => {
    if (fields[0]?.value === 1) replica.merge([write('a', 'x', 2, 2)], 'local');
  });
  replica.watch('a', ({ fields }) => void heard.push(fields[0]?.value ?? null));
  replica.merge([write('a', 'x', 1, 1)], 'local');
  assert.deepEqual(heard, [1, 2]);
});

test('writes and reads of one soul keep the order of calls while its node is fetched', async () => {
  const inner = new MemoryStore();
  await inner.write([write('a', 'x', 'stored', 5), write('b', 'x', 'stored', 5)]);
  const { clock, store, replica } = slow({}, inner);
  const order: string[] = [];
  assert.equal(replica.resident('a'), false);
  const merge = replica.merge([write('a', 'x', 'new', 6), write('a', 'x', 'older', 5), write('b', 'x', 'old', 4)], 'peer');
  assert.equal(merge.now, undefined);
  assert.equal(replica.resident('a'), false);
  merge.applied.then(({ accepted, old }) => order.push(`merged ${accepted.length} ${old}`));
  const after = replica.load('a').then((node) => order.push(`after ${String(node?.value('x'))}`));
  const part = replica.range('a', { '*': 'x' }).then((node) => order.push(`range ${String(node?.value('x'))}`));
  await clock.until(Promise.all([after, part]));
  assert.deepEqual(order, ['merged 1 2', 'after new', 'range new']);
  assert.ok(replica.resident('a'));
  assert.equal(replica.merge([write('a', 'x', 'now', 7)], 'local').now?.accepted.length, 1);
  assert.deepEqual(store.reads.filter((souls) => souls.includes('a')).length, 2, 'once for the calls, once for the digest');
  await clock.until(replica.close());
});

test('souls asked for in one turn are read together, and absence is remembered', async () => {
  const { clock, store, replica } = slow();
  await clock.until(Promise.all(['a', 'b', 'c'].map((soul) => replica.load(soul))));
  assert.deepEqual(store.reads, [['a', 'b', 'c']]);
  assert.ok(replica.resident('b'));
  assert.equal(await replica.load('b'), undefined);
  assert.equal(store.reads.length, 1);
  assert.ok(replica.merge([write('b', 'x', 1, 1)], 'local').now);
  await clock.until(replica.close());
});

test('once the store was gone through, a new soul needs no read', async () => {
  const inner = new MemoryStore();
  await inner.write(Array.from({ length: 1000 }, (_, at) => write(`old${at}`, 'x', 1, 1)));
  const { clock, store, replica } = slow({ bytesInMemory: 10_000 }, inner);
  assert.equal(replica.merge([write('new', 'x', 1, 1)], 'peer').now, undefined);
  await clock.run(10_000);
  assert.ok(replica.digest());
  store.reads.length = 0;
  for (let at = 0; at < 1000; at++) await clock.until(replica.merge([write(`new${at}`, 'x', 1, 1)], 'peer').applied);
  assert.ok(store.reads.flat().length < 10, 'all but a few by chance');
  for (let at = 0; at < 1000; at++) {
    assert.equal((await clock.until(replica.load(`old${at}`)))?.size, 1, 'what is stored is found');
    assert.equal((await clock.until(replica.load(`new${at}`)))?.size, 1);
  }
  await clock.until(replica.close());
});

test('what another process writes into a shared place is found, although it was not there before', async () => {
  const inner = new MemoryStore();
  const clock = new VirtualClock();
  const disk = new SlowStore(clock, seededRandom(3), 10, inner);
  const bucket: GraphStore = {
    name: 'bucket', durability: 'remote', read: (souls) => disk.read(souls), range: (soul, lex) => disk.range(soul, lex), souls: (lex) => disk.souls(lex),
    write: (deltas) => disk.write(deltas), stats: () => disk.stats(), close: () => disk.close(),
  };
  const replica = createReplica({ store: bucket, clock });
  await clock.run(10_000);
  assert.ok(replica.digest());
  assert.equal(await clock.until(replica.load('a')), undefined);
  await inner.write([write('a', 'x', 'theirs', 50), write('b', 'x', 'theirs', 50)]);
  assert.equal((await clock.until(replica.load('a')))?.value('x'), 'theirs');
  const late = await clock.until(replica.merge([write('b', 'x', 'older', 5)], 'peer').applied);
  assert.deepEqual([late.accepted.length, late.old], [0, 1], 'what is stored there counts');
  await clock.until(replica.close());
});

test('a range of a node that is not in memory does not load it', async () => {
  const inner = new MemoryStore();
  await inner.write([{ soul: 'list', fields: Array.from({ length: 1000 }, (_, at) => ({ key: `item${String(at).padStart(4, '0')}`, value: at, state: 1 })) }]);
  const { clock, store, replica } = slow({}, inner);
  await clock.run(100);
  store.reads.length = 0;
  const node = await clock.until(replica.range('list', { '>': 'item0100', '<': 'item0102' }));
  assert.deepEqual(node?.keys(), ['item0100', 'item0101', 'item0102']);
  assert.deepEqual(store.reads, []);
  assert.equal(replica.resident('list'), false);
  await clock.until(replica.load('list'));
  const reverse = await replica.range('list', { '*': 'item09', '-': 1, '%': 40 });
  assert.deepEqual(reverse?.keys(), (await inner.range('list', { '*': 'item09', '-': 1, '%': 40 }))?.keys(), 'memory and store give the same part');
  await clock.until(replica.close());
});

test('writes of one turn share a write of the store, later ones the next, and each knows when it is there', async () => {
  const { clock, store, replica } = slow();
  await clock.until(replica.load('a'));
  const first = [1, 2, 3].map((at) => replica.merge([write('a', `k${at}`, at, 1)], 'local'));
  await clock.run(0);
  assert.deepEqual(store.writes, [3]);
  const second = [4, 5].map((at) => replica.merge([write('a', `k${at}`, at, 1)], 'local'));
  // A repetition is stored when the first is.
  const repeated = replica.merge([write('a', 'k5', 5, 1)], 'peer');
  assert.equal(repeated.now?.old, 1);
  await clock.until(Promise.all(first.map(({ stored }) => stored)));
  assert.equal(store.stats().fields, 3);
  assert.equal(replica.stats().unstored, 2);
  await clock.until(repeated.stored);
  assert.equal(store.stats().fields, 5);
  await clock.until(Promise.all(second.map(({ stored }) => stored)));
  assert.deepEqual(store.writes, [3, 2]);
  assert.equal(store.mostWriting, 1);
  await clock.until(replica.close());
});

test('a write that fails is told, tried again, and never taken for stored', async () => {
  const { clock, store, replica } = slow();
  await clock.until(replica.load('a'));
  store.failWrites = true;
  const lost = replica.merge([write('a', 'x', 1, 1)], 'peer');
  await assert.rejects(clock.until(lost.stored), (error) => isPangeaError(error, 'STORE_IO'));
  assert.equal(replica.peek('a')?.value('x'), 1);
  assert.deepEqual([replica.stats().unstored, replica.stats().failedWrites], [1, 1]);
  // The sender tries again: nothing new, but not stored either.
  const again = replica.merge([write('a', 'x', 1, 1)], 'peer');
  assert.equal(again.now?.old, 1);
  await assert.rejects(clock.until(again.stored), (error) => isPangeaError(error, 'STORE_IO'));
  await assert.rejects(clock.until(replica.flush()), (error) => isPangeaError(error, 'STORE_IO'));
  store.failWrites = false;
  await clock.run(60_000);
  assert.equal(replica.stats().unstored, 0);
  assert.equal((await store.inner.read(['a']))[0]?.value('x'), 1);
  await clock.until(replica.merge([write('a', 'x', 1, 1)], 'peer').stored);
  await clock.until(replica.close());
});

test('while the store fails, so much is taken and no more', async () => {
  const { clock, store, replica } = slow({ unstoredFields: 10 });
  await clock.until(replica.load('a'));
  store.failWrites = true;
  for (let at = 0; at < 11; at++) assert.ok(replica.merge([write('a', `k${at}`, at, 1)], 'peer').now);
  const refused = replica.merge([write('a', 'one more', 1, 1)], 'peer');
  await assert.rejects(refused.applied, (error) => isPangeaError(error, 'TOO_MANY'));
  await assert.rejects(refused.stored, (error) => isPangeaError(error, 'TOO_MANY'));
  assert.equal(replica.peek('a')?.has('one more'), false);
  await assert.rejects(clock.until(replica.close()), (error) => isPangeaError(error, 'STORE_IO'), 'what was not stored is not passed over in silence');
});

test('a read that fails fails those who wait for it and nobody after them', async () => {
  const { clock, store, replica } = slow({}, await storeOf('a', 'b'));
  await clock.run(100);
  store.failReads = true;
  const merge = replica.merge([write('a', 'x', 1, 1)], 'peer');
  await assert.rejects(clock.until(replica.load('a')), (error) => isPangeaError(error, 'STORE_IO'));
  await assert.rejects(merge.applied, (error) => isPangeaError(error, 'STORE_IO'));
  store.failReads = false;
  assert.equal((await clock.until(replica.load('a')))?.value('y'), 1);
  await clock.until(replica.merge([write('a', 'x', 1, 1)], 'peer').stored);
  await clock.until(replica.close());
});

test('nodes are let go above the bound, but not those that are watched or not stored', async () => {
  const { clock, store, replica } = slow({ bytesInMemory: 100_000 });
  await clock.until(replica.load('watched'));
  replica.merge([write('watched', 'x', 1, 1)], 'local');
  const off = replica.watch('watched', () => {});
  const writes: Delta[] = [write('watched', 'x', 1, 1)];
  for (let round = 0; round < 20; round++) {
    const some = Array.from({ length: 50 }, (_, at) => write(`node${round}/${at}`, 'text', 'x'.repeat(100), 1));
    writes.push(...some);
    for (const one of some) replica.merge([one], 'peer');
    await clock.run(50);
  }
  assert.ok(replica.stats().nodesInMemory < 400, `${replica.stats().nodesInMemory} nodes`);
  const held = writes.filter(({ soul }) => replica.resident(soul)).length;
  assert.equal(replica.stats().fieldsInMemory, held);
  assert.ok(replica.resident('watched'));
  assert.equal(replica.resident('node0/0'), false);
  await clock.until(assertHolds(replica, modelOf(writes)));
  off();
  store.failWrites = true;
  const unstored = Array.from({ length: 1000 }, (_, at) => write(`unstored${at}`, 'text', 'x'.repeat(100), 1));
  for (const one of unstored) replica.merge([one], 'peer');
  await clock.run(1_000);
  assert.ok(unstored.every(({ soul }) => replica.resident(soul)));
  assert.equal(replica.resident('watched'), false);
  store.failWrites = false;
  await clock.run(60_000);
  await clock.until(assertHolds(replica, modelOf([...writes, ...unstored])));
  await clock.until(replica.close());
});

test('writes of the future come true in the order of their states, and only those', async () => {
  const clock = new VirtualClock();
  const replica = createReplica({ store: new MemoryStore(), clock, limits: { deferredFields: 4 } });
  const now = clock.nowMs();
  const heard: string[] = [];
  replica.watchAll(({ fields, origin }) => heard.push(`${String(fields[0]?.value)} ${origin} ${clock.nowMs() - now}`));
  const merge = replica.merge([write('a', 'x', 'third', now + 3_000), write('a', 'x', 'first', now + 1_000.5), write('a', 'y', 'today', now), write('a', 'z', 'never', now + 90_000_000)], 'peer');
  assert.equal(merge.now?.deferred, 2);
  assert.equal(merge.now?.refused, 1);
  assert.equal(merge.now?.later.length, 2);
  replica.merge([write('b', 'x', 'second', now + 2_000)], 'peer');
  assert.equal(replica.stats().deferred, 3);
  const over = replica.merge([{ soul: 'c', fields: [{ key: 'p', value: 1, state: now + 500 }, { key: 'q', value: 1, state: now + 3_100 }] }], 'peer').now;
  assert.deepEqual([over?.deferred, over?.refused], [1, 1]);
  await clock.run(999);
  assert.deepEqual(heard, ['today peer 0', '1 deferred 500']);
  await clock.run(3_000);
  assert.deepEqual(heard.slice(2), ['first deferred 1001', 'second deferred 2000', 'third deferred 3000']);
  const [third] = await Promise.all(merge.now?.later ?? []);
  assert.equal((await third?.applied)?.accepted[0]?.fields[0]?.value, 'third');
  assert.equal(replica.stats().deferred, 0);
  replica.merge([write('a', 'x', 'not any more', now + 10_000)], 'peer');
  await replica.close();
  assert.equal(clock.pending > 0, true);
  await clock.run(20_000);
  assert.equal(heard.length, 5, 'nothing happens after close');
});

test('when too much waits for its time, what is furthest ahead is given up, and never what is due next', async () => {
  const clock = new VirtualClock();
  const replica = createReplica({ store: new MemoryStore(), clock, limits: { deferredFields: 8 } });
  const now = clock.nowMs();
  const flood = replica.merge(Array.from({ length: 20 }, (_, at) => write(`far${at}`, 'x', at, now + 80_000_000 - at)), 'peer').now;
  assert.equal((flood?.deferred ?? 0) + (flood?.refused ?? 0), 20);
  const near = replica.merge([write('near', 'x', 'here', now + 2)], 'peer').now;
  assert.deepEqual([near?.deferred, near?.refused], [1, 0]);
  assert.ok(replica.stats().deferred <= 8);
  const results = await Promise.allSettled((flood?.later ?? []).slice(0, 3).map(async (later) => (await later).applied));
  assert.ok(results.some(({ status, reason }: { status: string; reason?: unknown }) => status === 'rejected' && isPangeaError(reason, 'TOO_MANY')), 'who sent the furthest hears of it');
  await clock.run(10);
  assert.equal(replica.peek('near')?.value('x'), 'here');
  assert.equal(replica.merge([write('later', 'x', 1, now + 90_000)], 'peer').now?.deferred, 1);
  await replica.close();
});

test('a write of this process is never of the future, even when the clock jumps back', () => {
  const clock = new VirtualClock();
  let wallMs = clock.nowMs();
  const replica = createReplica({ store: new MemoryStore(), clock: Object.assign(clock, { nowMs: () => wallMs }) });
  const first = replica.nextState();
  wallMs -= 3_600_000;
  const second = replica.nextState();
  assert.ok(second > first);
  assert.equal(replica.merge([write('a', 'x', 1, second)], 'local').now?.accepted.length, 1);
});

test('souls of the store and those that are not there yet come in one order', async () => {
  const inner = new MemoryStore();
  await inner.write(['a', 'c', 'e'].map((soul) => write(soul, 'x', 1, 1)));
  const { clock, store, replica } = slow({}, inner);
  store.failWrites = true;
  await clock.until(Promise.all(['b', 'c', 'd', 'f'].map((soul) => replica.load(soul))));
  for (const soul of ['f', 'b', 'c', 'd']) replica.merge([write(soul, 'x', 2, 2)], 'local');
  const list = async (lex?: object): Promise<string[]> => {
    const souls: string[] = [];
    for await (const soul of replica.souls(lex)) souls.push(soul);
    return souls;
  };
  assert.deepEqual(await clock.until(list()), ['a', 'b', 'c', 'd', 'e', 'f']);
  assert.deepEqual(await clock.until(list({ '>': 'b', '<': 'e', '-': 1 })), ['e', 'd', 'c', 'b']);
  store.failWrites = false;
  await clock.run(20_000);
  await clock.until(replica.close());
});

test('after close nothing is taken, and all that was taken is stored', async () => {
  const { clock, store, replica } = slow();
  const merge = replica.merge([write('a', 'x', 1, 1)], 'local');
  await clock.until(replica.close());
  await merge.stored;
  assert.equal((await store.inner.read(['a']))[0]?.value('x'), 1);
  await assert.rejects(replica.merge([write('a', 'x', 2, 2)], 'local').applied, (error) => isPangeaError(error, 'STORE_CLOSED'));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeEvent } from '../../src/api/api.ts';
import { PangeaError } from '../../src/errors/errors.ts';
import { EventQueue } from '../../src/rpc/bridge/event-queue.ts';
import { limits } from '../../src/rpc/limits.ts';
import { Handover } from '../../src/rpc/servants/handover.ts';
import { Room, SharedMemory } from '../../src/rpc/worker/memory.ts';

const bytes = (length: number): Uint8Array => new Uint8Array(length);
const event = (atMs: number): NodeEvent => ({ kind: 'repair', change: 'paused', root: '', shards: 0, atMs });

test('a handover keeps the order, makes writers wait beyond its window, and counts what it holds', async () => {
  let held = 0;
  const handover = new Handover<Uint8Array>(10, (item) => item.length, (change) => (held += change));
  await handover.push(bytes(6));
  let isThrough = false;
  const second = handover.push(bytes(7)).then(() => (isThrough = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isThrough, false);
  assert.equal(held, 13);
  assert.equal((await handover.next()).value?.length, 6);
  await second;
  handover.end();
  assert.equal((await handover.next()).value?.length, 7);
  assert.deepEqual(await handover.next(), { done: true, value: undefined });
  assert.equal(held, 0);
  await assert.rejects(handover.push(bytes(1)), { code: 'USAGE' });
});

test('a handover whose reader leaves fails its writers and holds nothing', async () => {
  let held = 0;
  const handover = new Handover<Uint8Array>(1, (item) => item.length, (change) => (held += change));
  const waiting = handover.push(bytes(5));
  await handover.return();
  await assert.rejects(waiting, { code: 'ABORTED' });
  await assert.rejects(handover.push(bytes(5)), { code: 'ABORTED' });
  assert.equal(held, 0);
});

test('a failed handover gives its reader the reason', async () => {
  const handover = new Handover<Uint8Array>(10, (item) => item.length, () => undefined);
  const reading = handover.next();
  handover.fail(new PangeaError('DENIED', 'no'));
  await assert.rejects(reading, { code: 'DENIED' });
  await assert.rejects(handover.next(), { code: 'DENIED' });
});

test('events beyond the bound drop the oldest, and the next one says how many', async () => {
  let listener: (event: NodeEvent) => void = () => undefined;
  let isSubscribed = true;
  const queue = new EventQueue((given) => {
    listener = given;
    return () => (isSubscribed = false);
  });
  const extra = 5;
  for (let at = 1; at <= limits.events + extra; at++) listener(event(at));
  const first = await queue.next();
  assert.deepEqual(first.value, { event: event(extra + 1), lost: extra });
  assert.equal((await queue.next()).value?.lost, 0);
  await queue.return();
  assert.equal(isSubscribed, false);
  assert.equal((await queue.next()).done, true);
});

test('whoever waits for an event gets it, or the end', async () => {
  let listener: (event: NodeEvent) => void = () => undefined;
  const queue = new EventQueue((given) => ((listener = given), () => undefined));
  const waiting = queue.next();
  listener(event(1));
  assert.deepEqual((await waiting).value, { event: event(1), lost: 0 });
  const last = queue.next();
  await queue.return();
  assert.equal((await last).done, true);
});

test('room is given in order, returned once, and left by who is aborted', async () => {
  const room = new Room(10);
  const never = new AbortController().signal;
  const leave = await room.enter(8, never);
  const order: string[] = [];
  const large = room.enter(9, never).then((out) => (order.push('large'), out));
  const gone = new AbortController();
  const aborted = room.enter(1, gone.signal);
  const small = room.enter(1, never).then((out) => (order.push('small'), out));
  gone.abort(new PangeaError('ABORTED', 'gone'));
  await assert.rejects(aborted, { code: 'ABORTED' });
  assert.deepEqual(order, []);
  leave();
  leave();
  await Promise.all([large, small]);
  assert.deepEqual(order, ['large', 'small']);
  (await large)();
  (await small)();
  // What is larger than all of the room goes alone.
  (await room.enter(100, never))();
});

test('when the connections hold too much, the one that holds most is ended', () => {
  const memory = new SharedMemory(100, (bytes) => (held = bytes));
  let held = 0;
  const ended: string[] = [];
  const join = (name: string) => {
    const share = memory.join(() => {
      ended.push(name);
      share.leave();
    });
    return share;
  };
  const [one, two, three] = [join('one'), join('two'), join('three')];
  one.set(30);
  two.set(60);
  assert.deepEqual(ended, []);
  three.set(20);
  assert.deepEqual(ended, ['two']);
  assert.equal(held, 50);
  two.set(1000);
  assert.equal(held, 50);
});

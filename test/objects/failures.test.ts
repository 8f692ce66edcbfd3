import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyFrom } from '../../src/body/body.ts';
import { formatLink, parseLink } from '../../src/objects/format/link.ts';
import { recordKind } from '../../src/store/store.ts';
import { status } from '../../src/transport/transport.ts';
import type { World } from '../sim/world.ts';
import { assertCode, assertSame, engineOf, get, nodeAt, noise, openWorld, put, stream, stripeBytes, watch } from './world.ts';

const timeout = 120_000;

function crash(world: World, ...indexes: readonly number[]): void {
  for (const index of indexes) nodeAt(world, index).crash();
}

for (const size of [300, stripeBytes, 5 * stripeBytes + 1]) {
  test(`${size} bytes are read with four of twelve holders down, and not with five`, { timeout }, async () => {
    const world = await openWorld(12);
    const bytes = noise(size, 4);
    const { link } = await put(world, nodeAt(world, 0), bytes);
    crash(world, 1, 4, 7, 10);
    assertSame(await get(world, nodeAt(world, 0), link), bytes);
    assertSame(await get(world, nodeAt(world, 5), link), bytes);
    crash(world, 2);
    const error = await assertCode(get(world, nodeAt(world, 5), link), 'NOT_ENOUGH_SHARDS');
    assert.equal((error.data['missingRows'] as number[]).length, 5);
    await world.startNode(nodeAt(world, 1));
    await world.clock.run(5_000);
    assertSame(await get(world, nodeAt(world, 5), link), bytes);
  });
}

test('four holders that die in the middle of a read cost one wait, not one a stripe', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(30 * stripeBytes, 8);
  const { link } = await put(world, nodeAt(world, 0), bytes);
  const reader = nodeAt(world, 0);
  const startMs = world.clock.monotonicMs();
  assertSame(await get(world, reader, link), bytes);
  const healthyMs = world.clock.monotonicMs() - startMs;
  const read = await world.clock.until(engineOf(reader).get(link));
  const fromMs = world.clock.monotonicMs();
  let received = 0;
  const parts: Uint8Array[] = [];
  await world.clock.until((async () => {
    for await (const chunk of read.content) {
      parts.push(chunk.slice());
      received += chunk.length;
      if (received > 10 * stripeBytes && nodeAt(world, 3).state === 'up') crash(world, 3, 5, 8, 11);
    }
  })());
  assertSame(new Uint8Array(Buffer.concat(parts)), bytes);
  const woundedMs = world.clock.monotonicMs() - fromMs;
  assert.ok(woundedMs < healthyMs + 3 * world.settings.hedgeAfterMs, `${woundedMs} ms against ${healthyMs} ms`);
});

test('holders that return garbage are found out, named, and read around', { timeout }, async () => {
  for (const size of [300, 3 * stripeBytes]) {
    const world = await openWorld(12);
    const bytes = noise(size, 6);
    const { link } = await put(world, nodeAt(world, 0), bytes);
    const liars = [2, 6, 9].map((index) => nodeAt(world, index));
    watch(world, (to, request, reply) => {
      if (!liars.includes(to) || request.type !== 'get' || request.kind !== recordKind.shard || reply.status !== status.ok) return undefined;
      return { ...reply, body: bodyFrom(reply.body.bytes().map((byte) => byte ^ 1)) };
    });
    assertSame(await get(world, nodeAt(world, 5), link), bytes);
    const suspected = liars.filter(({ peer }) => (nodeAt(world, 5).registry?.get(peer)?.threatScore ?? 0) > 0);
    assert.ok(suspected.length > 0, 'at least one liar was asked and found out');
    const honest = world.nodes.filter((node) => !liars.includes(node));
    for (const node of honest) assert.equal(nodeAt(world, 5).registry?.get(node.peer)?.threatScore ?? 0, 0);
  }
});

test('five liars cannot make a read return wrong bytes', { timeout }, async () => {
  const world = await openWorld(12);
  const { link } = await put(world, nodeAt(world, 0), noise(2 * stripeBytes, 6));
  const liars = [1, 2, 6, 9, 11].map((index) => nodeAt(world, index));
  watch(world, (to, request, reply) => {
    if (!liars.includes(to) || request.type !== 'get' || request.kind !== recordKind.shard || reply.status !== status.ok) return undefined;
    return { ...reply, body: bodyFrom(noise(reply.body.byteLength)) };
  });
  await assertCode(get(world, nodeAt(world, 0), link), 'NOT_ENOUGH_SHARDS');
});

test('garbage in place of header, manifest or pages is recognised', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(100);
  const { link } = await put(world, nodeAt(world, 0), bytes);
  const reader = nodeAt(world, 5);
  watch(world, (to, request, reply) => {
    if (request.type !== 'get' || request.kind !== recordKind.header || reply.status !== status.ok || to === nodeAt(world, 4)) return undefined;
    return { ...reply, body: bodyFrom(noise(reply.body.byteLength)) };
  });
  assertSame(await get(world, reader, link), bytes);
});

test('a wrong key, a wrong root and a cut link each have their own code', { timeout }, async () => {
  const world = await openWorld(12);
  const { link } = await put(world, nodeAt(world, 0), noise(100));
  const { root, key } = parseLink(link);
  assert.ok(key);
  const reader = nodeAt(world, 3);
  await assertCode(get(world, reader, formatLink({ root, key: key.map((byte) => byte ^ 255) })), 'WRONG_KEY');
  await assertCode(get(world, reader, formatLink({ root: root.map((byte) => byte ^ 255), key })), 'NOT_FOUND');
  await assertCode(get(world, reader, link.slice(0, -3)), 'LINK_TRUNCATED');
  await assertCode(get(world, reader, link.slice(0, 20) + (link[20] === 'a' ? 'b' : 'a') + link.slice(21)), 'LINK_INVALID');
  await assertCode(get(world, reader, formatLink({ root })), 'NO_KEY');
});

test('holders that die in the middle of a put are replaced and their rows restored', { timeout }, async () => {
  for (const dying of [1, 4]) {
    const world = await openWorld(16, { seed: 30 + dying });
    const bytes = noise(12 * stripeBytes + 99, dying);
    let chunks = 0;
    const content = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of stream(bytes, 64 * 1024)) {
        if (++chunks === 50) crash(world, ...Array.from({ length: dying }, (_, index) => 3 + index));
        yield chunk;
      }
    };
    const result = await world.clock.until(engineOf(nodeAt(world, 0)).put(content(), { name: 'x' }));
    assert.equal(result.ack.fsynced, 12);
    assert.equal(result.survivesFailures, 4);
    assertSame(await get(world, nodeAt(world, 1), result.link), bytes);
    const info = await world.clock.until(engineOf(nodeAt(world, 1)).info(result.link));
    assert.equal(info.shardsPresent, info.shardsTotal);
    assert.equal(info.survivesFailures, 4);
  }
});

test('a holder that is lost at the commit is replaced, also in a network without spare peers', { timeout }, async () => {
  const world = await openWorld(12);
  const victim = nodeAt(world, 6);
  watch(world, (to, request) => (to === victim && request.type === 'layout' ? { status: status.internal, message: 'no' } : undefined));
  for (const size of [100, 4 * stripeBytes]) {
    const bytes = noise(size, 11);
    const result = await put(world, nodeAt(world, 0), bytes);
    assert.equal(result.ack.holders, 11);
    assert.equal(result.survivesFailures, 3);
    assertSame(await get(world, nodeAt(world, 2), result.link), bytes);
    const info = await world.clock.until(engineOf(nodeAt(world, 2)).info(result.link));
    assert.equal(info.shardsPresent, info.shardsTotal);
  }
});

test('a holder that forgot its shards in a restart gets them again before it commits', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(6 * stripeBytes, 12);
  let chunks = 0;
  const content = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream(bytes, 64 * 1024)) {
      if (++chunks === 40) {
        crash(world, 6);
        void world.startNode(nodeAt(world, 6));
      }
      yield chunk;
    }
  };
  const result = await world.clock.until(engineOf(nodeAt(world, 0)).put(content(), { name: 'x' }));
  const info = await world.clock.until(engineOf(nodeAt(world, 0)).info(result.link));
  assert.equal(info.shardsPresent, info.shardsTotal);
  assertSame(await get(world, nodeAt(world, 2), result.link), bytes);
});

test('full holders are passed over; when all are full the put fails and says so', { timeout }, async () => {
  const world = await openWorld(14);
  const bytes = noise(3 * stripeBytes, 13);
  for (const index of [1, 2]) nodeAt(world, index).store.setQuota(1000);
  const result = await put(world, nodeAt(world, 0), bytes);
  assert.equal(result.survivesFailures, 4);
  assertSame(await get(world, nodeAt(world, 1), result.link), bytes);
  for (const node of world.nodes) node.store.setQuota(1000);
  await assertCode(put(world, nodeAt(world, 0), bytes), 'NOT_ENOUGH_PEERS');
});

test('a lonely node that does not store says that it knows nobody', { timeout }, async () => {
  const world = await openWorld(1, { settings: { storing: false } });
  await assertCode(put(world, nodeAt(world, 0), noise(10)), 'NOT_ENOUGH_PEERS');
});

test('a holder that always says that shards are missing is replaced', { timeout }, async () => {
  const world = await openWorld(14);
  const liar = nodeAt(world, 5);
  watch(world, (to, request, reply) => {
    if (to !== liar || request.type !== 'layout' || reply.status !== status.ok) return undefined;
    return { ...reply, answer: { durability: 'memory', missing: [{ stripe: 0, row: 0 }] } };
  });
  for (const size of [300, 3 * stripeBytes]) {
    const bytes = noise(size, 21);
    const { link, ack } = await put(world, nodeAt(world, 0), bytes, { ack: 'all' });
    assert.deepEqual([ack.fsynced, ack.holders], [12, 12]);
    assertSame(await get(world, nodeAt(world, 1), link), bytes);
  }
});

test('an unreachable durability is named, and what was half there is deleted', { timeout }, async () => {
  const world = await openWorld(20);
  // A putter that does not store: what it keeps itself never fails.
  const putter = nodeAt(world, 0);
  putter.crash();
  Object.assign(world.settings, { storing: false });
  await world.startNode(putter);
  await world.clock.run(60_000);
  let failed = 0;
  let lastMs = -Infinity;
  // One holder fails in every round, until the put has no more of them.
  watch(world, (_to, request, reply) => {
    if (request.type !== 'layout' || reply.status !== status.ok || world.clock.monotonicMs() < lastMs + 20) return undefined;
    failed++;
    lastMs = world.clock.monotonicMs();
    return { status: status.internal, message: 'no' };
  });
  const error = await assertCode(put(world, putter, noise(2 * stripeBytes)), 'DURABILITY_NOT_REACHED');
  assert.equal(error.data['asked'], 'all');
  assert.equal(failed, 6);
  await world.clock.run(30_000);
  for (const node of world.nodes) assert.equal(engineOf(node).counts().held, 0);
});

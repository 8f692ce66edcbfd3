import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordKind } from '../../src/store/store.ts';
import { stripesPerPage } from '../../src/objects/format/shape.ts';
import { assertCode, assertSame, collect, engineOf, get, nodeAt, noise, openWorld, put, segmentBytes, stream, stripeBytes, watch } from './world.ts';

const timeout = 120_000;

test('every size around a boundary comes back byte for byte from another node', { timeout }, async () => {
  const world = await openWorld(12);
  const edges = [0, 1, 8, segmentBytes, stripeBytes - segmentBytes, stripeBytes, stripeBytes + segmentBytes, 2 * stripeBytes, 3 * stripeBytes];
  const sizes = [...new Set(edges.flatMap((edge) => [edge - 1, edge, edge + 1]))].filter((size) => size >= 0);
  for (const size of sizes) {
    const bytes = noise(size, size + 1);
    const result = await put(world, nodeAt(world, 0), bytes);
    assert.equal(result.bytes, size);
    assert.deepEqual(result.ack, { asked: 'all', fsynced: 12, holders: 12 });
    assert.equal(result.survivesFailures, 4);
    assertSame(await get(world, nodeAt(world, 7), result.link), bytes);
  }
});

test('8 MiB is one whole block, one byte more is striped', { timeout }, async () => {
  const world = await openWorld(12, { settings: { segmentBytes: 1024 * 1024 } });
  for (const [size, mode] of [[8 * 1024 * 1024, 'whole'], [8 * 1024 * 1024 + 1, 'striped']] as const) {
    const bytes = noise(size, 3);
    const result = await put(world, nodeAt(world, 1), bytes);
    assertSame(await get(world, nodeAt(world, 2), result.link), bytes);
    const info = await world.clock.until(engineOf(nodeAt(world, 3)).info(result.link));
    assert.equal(info.mode, mode);
    assert.equal(info.shardsPresent, info.shardsTotal);
    assert.equal(info.survivesFailures, 4);
    assert.equal(info.holders.length, 12);
  }
});

test('an object whose layout has two pages is read over the border between them', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(stripesPerPage * stripeBytes + 12_345, 5);
  const result = await put(world, nodeAt(world, 0), bytes);
  const offset = stripesPerPage * stripeBytes - 1_000;
  assertSame(await get(world, nodeAt(world, 4), result.link, { offset, length: 5_000 }), bytes.subarray(offset, offset + 5_000));
  assertSame(await get(world, nodeAt(world, 4), result.link, { offset }), bytes.subarray(offset));
});

test('a network of 1 to 13 nodes keeps and gives back an object, and says how many failures it survives', { timeout }, async () => {
  const survived = [0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 4, 4];
  for (let nodes = 1; nodes <= 13; nodes++) {
    const world = await openWorld(nodes, { seed: 20 + nodes });
    const bytes = noise(2 * stripeBytes + nodes, nodes);
    const result = await put(world, nodeAt(world, 0), bytes);
    assert.equal(result.survivesFailures, survived[nodes - 1], `${nodes} nodes`);
    assert.equal(result.ack.holders, Math.min(nodes, 12));
    assertSame(await get(world, nodeAt(world, nodes - 1), result.link), bytes);
  }
});

test('a range read touches the segments it needs and nothing else', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(4 * stripeBytes + 77, 9);
  const result = await put(world, nodeAt(world, 0), bytes);
  const reader = engineOf(nodeAt(world, 3));
  for (const [offset, length] of [[0, 1], [segmentBytes - 1, 2], [stripeBytes - 1, 2], [bytes.length - 1, 1], [123_456, 700_000], [0, 0], [bytes.length, 10]] as const) {
    assertSame(await get(world, nodeAt(world, 3), result.link, { offset, length }), bytes.subarray(offset, offset + length));
  }
  const touched: string[] = [];
  watch(world, (_to, request) => void (request.type === 'get' && request.kind === recordKind.shard && touched.push(`${request.stripe}/${request.row}`)));
  const one = await world.clock.until(reader.get(result.link, { offset: 2 * stripeBytes + 10, length: 100 }));
  assert.equal(one.bytes, 100);
  assertSame(await world.clock.until(collect(one.content)), bytes.subarray(2 * stripeBytes + 10, 2 * stripeBytes + 110));
  assert.deepEqual(touched, ['2/0']);
});

test('64 KiB out of 1 GiB move one segment, and less than 64 KiB of layout', { timeout }, async () => {
  const mebibyte = 2 ** 20;
  const world = await openWorld(12, { settings: { segmentBytes: mebibyte, compression: 1 } });
  // Random where it is read, so that the segment has its full length on the wire; zeros elsewhere keep the test quick.
  const [zeros, random] = [new Uint8Array(mebibyte), noise(mebibyte, 9)];
  const content = async function* (): AsyncGenerator<Uint8Array> {
    for (let segment = 0; segment < 1024; segment++) yield segment === 700 ? random : zeros;
  };
  const result = await world.clock.until(engineOf(nodeAt(world, 0)).put(content(), { name: 'large' }));
  assert.equal(result.bytes, 1024 * mebibyte);
  let moved = 0;
  watch(world, (to, _request, reply) => void (to !== nodeAt(world, 3) && (moved += 'body' in reply ? reply.body.byteLength : 0)));
  const got = await get(world, nodeAt(world, 3), result.link, { offset: 700 * mebibyte + 1000, length: 65_536 });
  assertSame(got, random.subarray(1000, 1000 + 65_536));
  assert.ok(moved > mebibyte && moved <= mebibyte + 65_536, `${moved} bytes were moved`);
});

test('memory stays within the window whatever the size, and is given back', { timeout }, async () => {
  const world = await openWorld(12, { settings: { putWindowStripes: 2, getWindowStripes: 2 } });
  const bytes = noise(20 * stripeBytes, 2);
  const writer = engineOf(nodeAt(world, 0));
  const result = await put(world, nodeAt(world, 0), bytes);
  const stored = result.storedBytes / 20;
  assert.ok(writer.putBytes.peak <= 2 * (stripeBytes + stored), `${writer.putBytes.peak}`);
  assert.equal(writer.putBytes.now, 0);
  const reader = engineOf(nodeAt(world, 5));
  assertSame(await get(world, nodeAt(world, 5), result.link), bytes);
  assert.ok(reader.getBytes.peak <= 3 * (stripeBytes + stored), `${reader.getBytes.peak}`);
  assert.equal(reader.getBytes.now, 0);
});

test('a reader that stops early leaves nothing under way', { timeout }, async () => {
  const world = await openWorld(12);
  const result = await put(world, nodeAt(world, 0), noise(10 * stripeBytes, 2));
  const reader = engineOf(nodeAt(world, 5));
  const { content } = await world.clock.until(reader.get(result.link));
  const iterator = content[Symbol.asyncIterator]();
  await world.clock.until(Promise.resolve(iterator.next()));
  await world.clock.until(Promise.resolve(iterator.return?.()));
  await world.clock.run(1_000);
  assert.equal(reader.getBytes.now, 0);
});

test('a signal ends a put and a get with ABORTED', { timeout }, async () => {
  const world = await openWorld(12);
  const writer = engineOf(nodeAt(world, 0));
  const abort = new AbortController();
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (let chunk = 0; ; chunk++) {
      if (chunk === 30) abort.abort();
      yield noise(segmentBytes, chunk);
    }
  };
  await assertCode(world.clock.until(writer.put(endless(), { name: 'endless', signal: abort.signal })), 'ABORTED');
  assert.equal(writer.putBytes.now, 0);
  const result = await put(world, nodeAt(world, 0), noise(10 * stripeBytes, 2));
  const stop = new AbortController();
  const { content } = await world.clock.until(writer.get(result.link, { signal: stop.signal }));
  const iterator = content[Symbol.asyncIterator]();
  await world.clock.until(Promise.resolve(iterator.next()));
  stop.abort();
  await assertCode(world.clock.until((async () => { while (!(await iterator.next()).done); })()), 'ABORTED');
});

test('a retried request id stores nothing twice, also when both are under way', { timeout }, async () => {
  const world = await openWorld(12);
  const writer = engineOf(nodeAt(world, 0));
  const bytes = noise(1000);
  const [first, second] = await world.clock.until(Promise.all([
    writer.put(stream(bytes), { name: 'a', requestId: 'r1' }), writer.put(stream(bytes), { name: 'a', requestId: 'r1' }),
  ]));
  const third = await put(world, nodeAt(world, 0), bytes, { name: 'a', requestId: 'r1' });
  assert.deepEqual([second.root, third.root], [first.root, first.root]);
  assert.equal(writer.counts().held, 1);
  assert.notEqual((await put(world, nodeAt(world, 0), bytes, { name: 'a', requestId: 'r2' })).root, first.root);
});

test('the ladder of acknowledgement does what it says', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(2 * stripeBytes);
  for (const [ack, fsynced] of [['memory', 0], ['some', 9], ['all', 12]] as const) {
    const unsyncedBefore = world.nodes.filter(({ store }) => store.unsynced() > 0).length;
    assert.equal(unsyncedBefore, 0);
    const result = await put(world, nodeAt(world, 0), bytes, { ack });
    assert.deepEqual(result.ack, { asked: ack, fsynced, holders: 12 });
    assert.equal(world.nodes.filter(({ store }) => store.unsynced() === 0).length, fsynced, ack);
    await world.clock.until(Promise.all(world.nodes.map(({ store }) => store.sync())));
  }
});

test('announced and real length must agree', { timeout }, async () => {
  const world = await openWorld(12);
  const writer = engineOf(nodeAt(world, 0));
  for (const expectedBytes of [9, 11]) {
    await assertCode(world.clock.until(writer.put(stream(noise(10)), { name: 'x', expectedBytes })), 'USAGE');
  }
  assert.equal((await put(world, nodeAt(world, 0), noise(10), { expectedBytes: 10 })).bytes, 10);
});

test('a content that fails fails the put with its own error', { timeout }, async () => {
  const world = await openWorld(12);
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield noise(3 * stripeBytes);
    throw new Error('the disk of the source broke');
  };
  await assert.rejects(world.clock.until(engineOf(nodeAt(world, 0)).put(broken(), { name: 'x' })), /the disk of the source broke/);
});

test('names, roots and links lead to an object; ls, search and names see it', { timeout }, async () => {
  const world = await openWorld(12);
  const bytes = noise(500);
  const result = await put(world, nodeAt(world, 0), bytes, { name: 'holiday.jpg', mediaType: 'image/jpeg' });
  for (const reference of [result.link, result.root, 'holiday.jpg']) assertSame(await get(world, nodeAt(world, 0), reference), bytes);
  const listed: string[] = [];
  for await (const record of engineOf(nodeAt(world, 0)).search('*.jpg')) listed.push(record.root);
  assert.deepEqual(listed, [result.root]);
  const there = await world.clock.until(engineOf(nodeAt(world, 3)).get(result.link));
  assert.deepEqual([there.name, there.mediaType, there.kind], ['holiday.jpg', 'image/jpeg', 'file']);
  await assertCode(get(world, nodeAt(world, 3), result.root), 'NO_KEY');
  await assertCode(get(world, nodeAt(world, 3), 'holiday.jpg'), 'NOT_FOUND');
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { connectNode, openControlServer, type ControlServer, type GraphChange, type GraphRecord } from '../../src/control/control.ts';
import { decodeLines, encodeLines } from '../../src/control/record-lines.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { memoryGraph } from './memory-graph.ts';
import { MemoryNode } from './memory-node.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'pangea-control-graph-'));
const node = new MemoryNode();
const { graph, peer } = memoryGraph();
const client = connectNode(dataDir).graph;
const limits = { timeout: 60_000 };
let server: ControlServer;
before(async () => {
  node.graph = graph;
  server = await openControlServer({ dataDir, api: node, logger: silentLogger });
});
after(async () => {
  await server.close(1000);
  await peer.close();
  rmSync(dataDir, { recursive: true });
});

async function* from<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

function record(soul: string, fields: Readonly<Record<string, unknown>>, state: number): GraphRecord {
  return { ...fields, _: { '#': soul, '>': Object.fromEntries(Object.keys(fields).map((key) => [key, state])) } };
}

test('what is put is got, whole and by field, with text of every kind', limits, async () => {
  const soul = 'über/"%"\n\u{1f600}';
  const done = await client.put(soul, { text: 'ä\u0000\n', n: -0.5, yes: true, none: null, link: { '#': 'other' }, constructor: 'text', big: 'x'.repeat(3_000_000) });
  assert.equal(done.soul, soul);
  const found = await client.get(soul);
  assert.deepEqual(found?.fields.map(({ key }) => key), ['big', 'constructor', 'link', 'n', 'none', 'text', 'yes']);
  assert.ok(found?.fields.every(({ state }) => state === done.state));
  assert.deepEqual((await client.get(soul, { key: 'link' }))?.fields, [{ key: 'link', value: { '#': 'other' }, state: done.state }]);
  assert.equal(await client.get(soul, { key: 'absent', waitMs: 0 }), undefined);
  assert.equal(await client.get('absent', { waitMs: 0 }), undefined);
});

test('what cannot be in a graph is refused with a reason, and changes nothing', limits, async () => {
  const bad: Readonly<Record<string, unknown>>[] = [{}, { a: [1] }, { a: { b: 1 } }, { a: { '#': '' } }, { '': 1 }];
  for (const input of bad) await assert.rejects(client.put('bad', input as never), { code: 'USAGE' }, JSON.stringify(input));
  await assert.rejects(client.put('__proto__', { a: 1 }), { code: 'USAGE' });
  await assert.rejects(client.put('~someone.else', { a: 1 }), { code: 'DENIED' });
  assert.equal(await client.get('bad', { waitMs: 0 }), undefined);
  assert.equal(({} as { a?: number }).a, undefined);
});

test('a watcher hears what is there, then every change, and leaves nothing behind', limits, async () => {
  await client.put('watched', { n: 0 });
  const stop = new AbortController();
  const heard: GraphChange[] = [];
  const watching = (async () => {
    for await (const change of client.watch('watched', stop.signal)) {
      heard.push(change);
      if (heard.length === 1) await client.put('watched', { n: 1, m: 'new' });
      if (change.fields.some(({ key }) => key === 'm')) stop.abort();
    }
  })();
  await assert.rejects(watching, { code: 'ABORTED' });
  assert.deepEqual(heard[0]?.fields.map(({ key, value }) => [key, value]), [['n', 0]]);
  assert.equal(heard[0]?.origin, 'now');
  assert.deepEqual(heard.at(-1)?.fields.map(({ key, value }) => [key, value]), [['n', 1], ['m', 'new']]);
  for (let tries = 0; peer.stats().replica.watched > 0 && tries < 500; tries++) await sleep(10);
  assert.deepEqual([peer.stats().replica.watched, peer.stats().subscriptions], [0, 0]);
});

test('a watcher that is slower than the changes gets the last of each field', limits, async () => {
  const stop = new AbortController();
  const changes = graph.watch('fast', stop.signal)[Symbol.asyncIterator]();
  const first = changes.next();
  await sleep(0);
  for (let n = 0; n < 50_000; n++) void graph.put('fast', { [`k${n % 25_000}`]: n });
  await graph.put('fast', { last: true });
  const known = new Map<string, unknown>();
  for (let next = first; !known.has('last'); next = changes.next()) for (const { key, value } of (await next).value?.fields ?? []) known.set(key, value);
  stop.abort();
  assert.equal(known.size, 25_001);
  assert.equal(known.get('k24999'), 49_999);
  assert.equal((await changes.next()).done, true);
});

test('souls and export by prefix; an import elsewhere holds the same', limits, async () => {
  for (let n = 0; n < 30; n++) await client.put(`list/${n}`, { n, next: { '#': `list/${n + 1}` } });
  await client.put('list/large', Object.fromEntries(Array.from({ length: 2_500 }, (_, n) => [`k${n}`, n])));
  const souls = await all(client.souls('list/'));
  assert.equal(souls.length, 31);
  assert.deepEqual(souls, souls.toSorted());
  assert.equal((await all(client.souls())).length > 31, true);
  const records = await all(client.export('list/'));
  assert.equal(records.filter((each) => each._['#'] === 'list/large').length, 3, 'a large node comes in pieces');
  const other = memoryGraph();
  const told = await other.graph.import(from(...records));
  assert.deepEqual(told, { nodes: 33, taken: 2_560, old: 0, later: 0, refused: 0, malformed: 0 });
  assert.deepEqual(await all(other.graph.export('list/')), records);
  assert.deepEqual(await client.import(from(...records)), { nodes: 33, taken: 0, old: 2_560, later: 0, refused: 0, malformed: 0 });
  await other.peer.close();
});

test('an import takes what is sound and counts the rest', limits, async () => {
  const now = Date.now();
  const sound = Array.from({ length: 5_000 }, (_, n) => record(`import/${n}`, { a: n, b: `text ${n}` }, now - n));
  const unsound: unknown[] = [
    1, null, [], {}, { _: {} }, { _: { '#': 1 } }, record('import/x', { a: [1] }, now), record('import/x', { a: 1 }, 'then' as unknown as number),
    JSON.parse('{"_":{"#":"__proto__",">":{"polluted":1}},"polluted":1}'), record('', { a: 1 }, now),
  ];
  const foreign = record('~not.mine', { name: 'x' }, now);
  const ahead = record('import/ahead', { soon: 1 }, now + 3_600_000);
  const far = record('import/far', { never: 1 }, now + 100 * 86_400_000);
  const told = await client.import(from(...sound, ...(unsound as GraphRecord[]), foreign, ahead, far));
  assert.deepEqual(told, { nodes: 5_013, taken: 10_000, old: 0, later: 1, refused: 2, malformed: 10 });
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.equal((await client.get('import/4999', { key: 'a' }))?.fields[0]?.value, 4_999);
});

test('an import that breaks off keeps what it had, and the node goes on', limits, async () => {
  const broken = async function* (): AsyncGenerator<GraphRecord> {
    for (let n = 0; n < 100; n++) yield record(`broken/${n}`, { a: n }, 1000 + n);
    throw new Error('the disk of the client is gone');
  };
  await assert.rejects(client.import(broken()), /the disk of the client/);
  assert.equal((await client.status()).state, 'up');
});

test('lines survive any cut, and bad ones end in one error', limits, async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 20 }), fc.infiniteStream(fc.integer({ min: 1, max: 40 })), async (values, cuts) => {
    const bytes = Buffer.concat(await all(encodeLines(from(...values))));
    const cut = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length;) {
        const { value } = cuts.next();
        yield bytes.subarray(at, at + value);
        at += value;
      }
    };
    assert.deepEqual((await all(decodeLines(cut(), 1e6))).map((value) => JSON.stringify(value)), values.map((value) => JSON.stringify(value)));
  }), { numRuns: 100, seed: 3 });
  await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), async (chunks) => {
    try {
      await all(decodeLines(from(...chunks), 100));
    } catch (error) {
      assert.ok(isPangeaError(error, 'PROTOCOL'), String(error));
    }
  }), { numRuns: 200, seed: 4 });
  await assert.rejects(all(decodeLines(from(Buffer.from('"'), Buffer.alloc(200, 'x')), 100)), { code: 'PROTOCOL', message: /more than 100/ });
});

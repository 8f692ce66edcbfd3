import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { PerformanceObserver } from 'node:perf_hooks';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { NodeApi, NodeStatus, TreeEntry } from '../../src/api/api.ts';
import { PangeaError } from '../../src/errors/errors.ts';
import { Batch } from '../../src/rpc/bridge/batch.ts';
import { BridgeHost } from '../../src/rpc/bridge/host.ts';
import type { ToNode, ToSurface } from '../../src/rpc/bridge/messages.ts';
import { BridgeClient } from '../../src/rpc/bridge/remote-node.ts';
import { Streams } from '../../src/rpc/bridge/streams.ts';
import { rpcNodeOf } from '../../src/rpc/rpc-node.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { collect, MemoryNode } from '../control/memory-node.ts';

const mebibyte = 1024 * 1024;
const pattern = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = index * 7 + (index >> 8);
  return bytes;
};
const chunks = async function* (bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield Uint8Array.from(bytes.subarray(at, at + size));
};
const until = async (isTrue: () => boolean): Promise<void> => {
  for (let turns = 0; !isTrue(); turns++) {
    assert.ok(turns < 5000, 'waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};

/** Both ends in this thread, over a channel that clones and hands over as between threads. */
function bridge(t: TestContext, api: NodeApi) {
  const { port1, port2 } = new MessageChannel();
  const unsent = (_: unknown, error: unknown): void => assert.fail(String(error));
  const host = new BridgeHost(rpcNodeOf(api, async (token) => token === 'right'), new Batch<ToSurface>(port1, unsent), silentLogger);
  const client = new BridgeClient(new Batch<ToNode>(port2, unsent));
  let batches = 0;
  port1.on('message', (messages: readonly ToNode[]) => {
    batches += 1;
    for (const message of messages) host.handle(message as never);
  });
  port2.on('message', (messages: readonly ToSurface[]) => messages.forEach((message) => client.handle(message as never)));
  const end = (port: MessagePort): void => port.close();
  t.after(() => (end(port1), end(port2)));
  return { node: client.node, host, batches: () => batches };
}

test('plain calls give what the node gives, and its errors with code and text', async (t) => {
  const api = new MemoryNode(7);
  const { node } = bridge(t, api);
  // The memory of this process is another one at each look.
  const settled = (status: NodeStatus): unknown => JSON.parse(JSON.stringify({ ...status, memoryBytes: 0 }));
  assert.deepEqual(settled(await node.status()), settled(await api.status()));
  assert.equal(await node.login('right'), true);
  assert.equal(await node.login('wrong'), false);
  await assert.rejects(node.info('absent'), { code: 'NOT_FOUND', message: 'no such object in the catalogue' });
  assert.deepEqual(await node.mixed.nodes(), await api.mixed.nodes());
});

test('a bug of the node crosses without its text', async (t) => {
  const api = new MemoryNode();
  api.failStatus = true;
  const { node } = bridge(t, api);
  await assert.rejects(node.status(), (error: Error) => (error as unknown as { code: string }).code === 'INTERNAL' && !error.message.includes('a bug in the node\n'));
});

test('calls of one turn cross as one message', async (t) => {
  const { node, batches } = bridge(t, new MemoryNode());
  await Promise.all(Array.from({ length: 64 }, () => node.mixed.nodes()));
  assert.equal(batches(), 1);
});

test('a put and a get carry every byte, whatever the chunks', async (t) => {
  const { node } = bridge(t, new MemoryNode());
  const content = pattern(3 * mebibyte + 17);
  const { root, bytes } = await node.put(chunks(content, 100_003), { name: 'a' });
  assert.equal(bytes, content.length);
  const whole = await node.get(root, {});
  assert.equal(whole.bytes, content.length);
  assert.ok(Buffer.from(await collect(whole.content)).equals(content));
  const part = await node.get(root, { offset: 5, length: 1_500_000 });
  assert.ok(Buffer.from(await collect(part.content)).equals(content.subarray(5, 1_500_005)));
});

test('chunks larger than a piece arrive whole and in order', async (t) => {
  const api = new MemoryNode();
  api.chunkBytes = 5 * mebibyte;
  const { node } = bridge(t, api);
  const content = pattern(11 * mebibyte);
  const { root } = await node.put(chunks(content, 4 * mebibyte), { name: 'large' });
  assert.ok(Buffer.from(await collect((await node.get(root, {})).content)).equals(content));
});

test('trees cross with their contents, and skipped contents are skipped', async (t) => {
  const { node } = bridge(t, new MemoryNode());
  const entries = async function* (): AsyncGenerator<TreeEntry> {
    yield { path: 'd', type: 'directory', mode: 0o755, modifiedMs: 1, bytes: 0 };
    yield { path: 'd/a', type: 'file', mode: 0o644, modifiedMs: 2, bytes: 3, content: chunks(Uint8Array.of(1, 2, 3), 2) };
    yield { path: 'd/b', type: 'file', mode: 0o644, modifiedMs: 3, bytes: 0, content: chunks(new Uint8Array(0), 1) };
    yield { path: 'l', type: 'symlink', mode: 0o777, modifiedMs: 4, bytes: 0, target: 'd/a' };
  };
  const { root } = await node.putTree(entries(), { name: 'tree' });
  const got: [string, number[] | undefined][] = [];
  for await (const { path, content } of (await node.getTree(root, {})).entries) {
    got.push([path, content === undefined || path === 'd/b' ? undefined : [...(await collect(content))]]);
  }
  assert.deepEqual(got, [['d', undefined], ['d/a', [1, 2, 3]], ['d/b', undefined], ['l', undefined]]);
});

test('a get that fails in the middle gives what came before, then the reason', async (t) => {
  const api = new MemoryNode();
  const { node } = bridge(t, api);
  const { root } = await node.put(chunks(pattern(4 * mebibyte), mebibyte), { name: 'a' });
  api.failAfterBytes = 2 * mebibyte;
  const { content } = await node.get(root, {});
  let bytes = 0;
  await assert.rejects(async () => {
    for await (const chunk of content) bytes += chunk.length;
  }, { code: 'CORRUPT' });
  assert.equal(bytes, 2 * mebibyte);
});

test('whoever stops reading ends the get on the node', async (t) => {
  const api = new MemoryNode();
  const { node } = bridge(t, api);
  const { root } = await node.put(chunks(pattern(30 * mebibyte), mebibyte), { name: 'a' });
  const { content } = await node.get(root, {});
  for await (const chunk of content) {
    assert.equal(chunk.length, mebibyte);
    break;
  }
  await until(() => api.signals.at(-1)?.aborted === true);
});

test('an aborted put ends on the node, with its content', async (t) => {
  const api = new MemoryNode();
  const { node } = bridge(t, api);
  const abort = new AbortController();
  let isReturned = false;
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(mebibyte);
    } finally {
      isReturned = true;
    }
  };
  const putting = node.put(endless(), { name: 'a', signal: abort.signal });
  await until(() => api.signals.length === 1);
  abort.abort();
  await assert.rejects(putting, { code: 'ABORTED' });
  await until(() => isReturned && api.signals[0]?.aborted === true);
});

test('a put that the node refuses stops its content', async (t) => {
  const { node } = bridge(t, new MemoryNode());
  let isReturned = false;
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(mebibyte);
    } finally {
      isReturned = true;
    }
  };
  await assert.rejects(node.put(endless(), { name: 'refused' }), { code: 'NOT_ENOUGH_PEERS' });
  await until(() => isReturned);
});

test('events come until the reader leaves', async (t) => {
  const api = new MemoryNode();
  const { node } = bridge(t, api);
  const events = (await node.events(['repair']))[Symbol.asyncIterator]();
  await until(() => api.listening === 1);
  api.emit({ kind: 'repair', change: 'paused', root: '', shards: 0, atMs: 5 });
  const { value } = await events.next();
  assert.deepEqual(value, { lost: 0, event: { kind: 'repair', change: 'paused', root: '', shards: 0, atMs: 5 } });
  await events.return?.();
  await until(() => api.listening === 0);
});

test('when the surface goes away, everything it began ends on the node', async (t) => {
  const api = new MemoryNode();
  const { node, host } = bridge(t, api);
  await node.events(['peer']);
  const { root } = await node.put(chunks(pattern(30 * mebibyte), mebibyte), { name: 'a' });
  const { content } = await node.get(root, {});
  await content[Symbol.asyncIterator]().next();
  host.close();
  await until(() => api.listening === 0 && api.signals.at(-1)?.aborted === true);
});

test('pages of the catalogue, whole and filtered', async (t) => {
  const { node } = bridge(t, new MemoryNode());
  const roots: string[] = [];
  for (let index = 0; index < 7; index++) roots.push((await node.put(chunks(Uint8Array.of(index), 1), { name: `file ${index}` })).root);
  const seen: string[] = [];
  for (let after = ''; ;) {
    const { records, next } = await node.page({ pattern: 'file', after, limit: 3, only: undefined });
    seen.push(...records.map(({ root }) => root));
    if (next === '') break;
    after = next;
  }
  assert.deepEqual(seen, roots);
  const only = new Set([roots[2] as string]);
  assert.deepEqual((await node.page({ pattern: '', after: '', limit: 3, only })).records.map(({ name }) => name), ['file 2']);
  await assert.rejects(node.page({ pattern: '', after: 'f'.repeat(64), limit: 3, only: undefined }), { code: 'NOT_FOUND' });
});

test('large blocks never hold the node\'s thread: CPU of each turn while 16 and 64 MiB go through, both ways', async (t) => {
  const api = new MemoryNode();
  // The codec of the node in memory works in this thread; what is measured here is the bridge.
  const block = new Uint8Array(64 * mebibyte).fill(3);
  const shards = Array.from({ length: 12 }, (_, index) => block.subarray(index * 4 * mebibyte, (index + 2) * 4 * mebibyte));
  Object.assign(api.mixed, { cesProcess: async () => shards, download: async (hash: string) => block.subarray(0, Number(hash)), upload: async () => ({}) });
  const worker = new Worker(new URL('./programs/bridge-load.ts', import.meta.url), { execArgv: [] });
  t.after(() => worker.terminate());
  const host = new BridgeHost(rpcNodeOf(api, undefined), new Batch<ToSurface>(worker, (_, error) => assert.fail(String(error))), silentLogger);
  const done = Promise.withResolvers<number>();
  worker.on('error', done.reject);
  worker.on('message', (messages: readonly ToNode[] | { bytes: number }) => {
    if ('bytes' in messages) return done.resolve(messages.bytes);
    for (const message of messages) host.handle(message as never);
  });
  const turns = cpuOfTurns();
  const bytes = await done.promise;
  const { slowestMs, slowestWithCollectionMs, count } = await turns.stop();
  t.diagnostic(`${bytes / mebibyte} MiB in ${count} turns, the slowest took ${slowestMs.toFixed(2)} ms of CPU, ${slowestWithCollectionMs.toFixed(2)} with collections of garbage`);
  assert.ok(bytes >= 640 * mebibyte);
  assert.ok(slowestMs < 5, `a turn took ${slowestMs} ms of CPU`);
});

/**
 * CPU time of this thread in each turn of its loop: what others do on the machine does not count. Collections of garbage are
 * told apart: they come when V8 wants them.
 */
function cpuOfTurns(): { stop(): Promise<{ slowestMs: number; slowestWithCollectionMs: number; count: number }> } {
  const long: { startMs: number; endMs: number; heldMs: number }[] = [];
  const collections: { startTime: number; duration: number }[] = [];
  const observer = new PerformanceObserver((list) => void collections.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  let [count, isRunning, last, startMs] = [0, true, process.threadCpuUsage(), performance.now()];
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(last);
    const endMs = performance.now();
    // The system counts CPU time in steps of 4 ms on some machines, the clock counts what others did: the smaller is ours.
    const heldMs = Math.min((user + system) / 1000, endMs - startMs);
    if (heldMs > 1) long.push({ startMs, endMs, heldMs });
    count += 1;
    [last, startMs] = [process.threadCpuUsage(), performance.now()];
    if (isRunning) setImmediate(turn);
  };
  setImmediate(turn);
  const collecting = (from: number, to: number): number =>
    collections.reduce((sum, { startTime, duration }) => sum + Math.max(0, Math.min(to, startTime + duration) - Math.max(from, startTime)), 0);
  return {
    stop: async () => {
      isRunning = false;
      await new Promise((resolve) => setTimeout(resolve, 50));
      observer.disconnect();
      return {
        slowestMs: Math.max(0, ...long.map(({ startMs: from, endMs, heldMs }) => heldMs - collecting(from, endMs))),
        slowestWithCollectionMs: Math.max(0, ...long.map(({ heldMs }) => heldMs)), count,
      };
    },
  };
}

test('a reader given up after its stream ended gets the reason, never a shorter content', async () => {
  const streams: Streams = new Streams(() => undefined);
  const sink = streams.receive<Uint8Array>(1);
  streams.handle({ type: 'item', stream: 1, item: Uint8Array.of(1) });
  streams.handle({ type: 'item', stream: 1, item: Uint8Array.of(2) });
  streams.handle({ type: 'end', stream: 1 });
  assert.equal((await sink.next()).done, false);
  sink.abort(new PangeaError('ABORTED', 'given up'));
  await assert.rejects(sink.next(), { code: 'ABORTED' });
});

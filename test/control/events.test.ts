import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectNode, openControlServer, type ControlServer, type LostEvents, type NodeEvent } from '../../src/control/control.ts';
import { EventQueue, eventLine, eventOfLine, maxWaitingEvents } from '../../src/control/event-lines.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { MemoryNode } from './memory-node.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'pangea-events-'));
const node = new MemoryNode(1);
const other = new MemoryNode(2);
node.meet(other);
const client = connectNode(dataDir);
let server: ControlServer;
before(async () => { server = await openControlServer({ dataDir, api: node, logger: silentLogger }); });
after(async () => {
  await server.close(1000);
  rmSync(dataDir, { recursive: true });
});

async function until(condition: () => boolean, tries = 2000): Promise<void> {
  for (let i = 0; !condition(); i++) {
    assert.ok(i < tries, `it never came: ${condition}`);
    await sleep(5);
  }
}

test('metrics, firewall, repair and doctor answer over the socket as they do in the process', async () => {
  assert.equal(await client.metrics(), await node.metrics());
  assert.deepEqual(await client.firewall(), await node.firewall());
  const set = await client.setFirewall(['10.0.0.0/8', '127.0.0.1']);
  assert.deepEqual(set.allow, ['10.0.0.0/8', '127.0.0.1/32']);
  await assert.rejects(client.setFirewall(['10.0.0.0/8', 'no address']), { code: 'CONFIG_INVALID' });
  assert.deepEqual((await client.firewall()).allow, set.allow);
  const long = Array.from({ length: 4096 }, (_, i) => `2001:db8:${(i >> 8).toString(16)}:${(i & 255).toString(16)}::/64`);
  assert.equal((await client.setFirewall(long)).allow.length, 4096);
  await assert.rejects(client.setFirewall(Array.from({ length: 100_000 }, () => '10.0.0.0/8')), { code: 'USAGE' });

  assert.equal((await client.controlRepair('pause')).paused, true);
  assert.equal((await client.repair()).paused, true);
  assert.equal((await client.controlRepair('resume')).paused, false);
  assert.equal((await client.controlRepair('runOnce')).last?.objectsUnreadable, 0);
  await assert.rejects(client.controlRepair('burn' as 'pause'), { code: 'USAGE', message: /action/ });
  assert.deepEqual(await client.doctor(), await node.doctor());
});

test('events of the asked kinds arrive in order, bytes of messages too, until the follower ends', { timeout: 20_000 }, async () => {
  const stop = new AbortController();
  const seen: (NodeEvent | LostEvents)[] = [];
  const following = (async () => {
    for await (const event of client.follow(['object', 'message'], stop.signal)) seen.push(event);
  })();
  await until(() => node.listening === 1);
  await node.put((async function* () { yield new Uint8Array(3); })(), { name: 'an "ö" object\n' });
  await node.controlRepair('pause');
  const data = Uint8Array.from({ length: 70_000 }, (_, i) => i & 255);
  await other.mixed.sendMessage(1, data.subarray(0, 65_536));
  await until(() => seen.length === 2);
  const [object, message] = seen;
  assert.ok(object?.kind === 'object' && object.change === 'put' && object.name === 'an "ö" object\n' && object.bytes === 3);
  assert.ok(message?.kind === 'message' && message.label === 2);
  assert.deepEqual(message.data, data.slice(0, 65_536));
  stop.abort();
  await assert.rejects(following, { code: 'ABORTED' });
  await until(() => node.listening === 0);
});

test('subscribe hears, and ends on both sides', { timeout: 20_000 }, async () => {
  const heard: string[] = [];
  const end = client.subscribe(['repair'], (event) => { if (event.kind === 'repair') heard.push(event.change); });
  await until(() => node.listening === 1);
  await node.controlRepair('resume');
  await until(() => heard.length === 1);
  end();
  await until(() => node.listening === 0);
  assert.deepEqual(heard, ['resumed']);
  await assert.rejects(async () => { for await (const event of client.follow(['nothing' as 'peer'], new AbortController().signal)) assert.ok(event); }, { code: 'USAGE' });
});

test('a client that does not read costs a bounded queue, and what it missed is counted', { timeout: 30_000 }, async () => {
  const socket = connect(server.path);
  const options = encodeURIComponent(JSON.stringify({ kinds: ['message'] }));
  socket.write(`POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\npangea-options: ${options}\r\n\r\n`);
  await until(() => node.listening === 1);
  socket.pause();
  const data = new Uint8Array(60_000);
  for (let i = 0; i < 500; i++) {
    node.emit({ kind: 'message', atMs: i, from: 'x', label: undefined, data });
    if (i % 50 === 0) await sleep(1);
  }
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
  const text = (): string => Buffer.concat(chunks).toString('latin1');
  try {
    await until(() => text().includes('"kind":"lost"'), 200);
    assert.ok(text().length < 30 * 2 ** 20, 'far less than what was sent');
  } finally {
    socket.destroy();
    await once(socket, 'close');
  }
  await until(() => node.listening === 0);
});

test('a node that stops ends the stream at once, as complete', { timeout: 20_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-events-'));
  const stopping = await openControlServer({ dataDir: directory, api: node, logger: silentLogger });
  const following = (async () => {
    for await (const event of connectNode(directory).follow(['peer'], new AbortController().signal)) assert.fail(JSON.stringify(event));
  })();
  await until(() => node.listening === 1);
  const closed = stopping.close(15_000);
  await following;
  await closed;
  assert.equal(node.listening, 0);
  rmSync(directory, { recursive: true });
});

test('the queue gives blocks of what is there, then the number of what was dropped', async () => {
  const queue = new EventQueue();
  for (let i = 0; i < maxWaitingEvents + 5; i++) queue.push({ kind: 'repair', change: 'paused', root: String(i), shards: 0, atMs: 0 });
  const blocks = queue.blocks();
  const { value } = await blocks.next();
  const lines = Buffer.from(value ?? []).toString().trim().split('\n').map((line) => eventOfLine(JSON.parse(line)));
  assert.equal(lines.length, maxWaitingEvents + 1);
  assert.deepEqual(lines.at(-1), { kind: 'lost', count: 5 });
  queue.end();
  assert.equal((await blocks.next()).done, true);
  const message: NodeEvent = { kind: 'message', atMs: 5, from: 'p', label: 7, data: Uint8Array.of(0, 255, 10) };
  assert.deepEqual(eventOfLine(JSON.parse(eventLine(message))), message);
});

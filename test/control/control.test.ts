import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectNode, controlSocketPath, isNodeRunning, openControlServer, type ControlServer, type LocalNode, type TreeEntry } from '../../src/control/control.ts';
import { seededRandom } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { collect, MemoryNode } from './memory-node.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'pangea-control-'));
const node = new MemoryNode();
const client: LocalNode = connectNode(dataDir);
let server: ControlServer;
before(async () => { server = await openControlServer({ dataDir, api: node, logger: silentLogger }); });
after(async () => {
  await server.close(1000);
  assert.equal(await isNodeRunning(dataDir), false);
  rmSync(dataDir, { recursive: true });
});

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  // The sender may reuse its buffer once it is asked for the next chunk.
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
  }
}

const random = seededRandom(5);

test('bytes come back as they went, over all sizes of chunk and object', async () => {
  for (const [bytes, chunk] of [[0, 1], [1, 1], [65_536, 65_536], [65_537, 999], [5_000_000, 1_048_576], [3_000_000, 70_000]] as const) {
    const content = random.bytes(bytes);
    const put = await client.put(pieces(content, chunk), { name: `über ${bytes} "%"\n`, expectedBytes: bytes, ack: 'some', mediaType: 'a/b' });
    assert.equal(put.bytes, bytes);
    assert.equal(put.name, `über ${bytes} "%"\n`);
    const got = await client.get(put.root);
    assert.deepEqual([got.bytes, got.name, got.kind, got.mediaType], [bytes, put.name, 'file', 'a/b']);
    assert.deepEqual(await collect(got.content), content);
    const range = await client.get(put.link, { offset: Math.floor(bytes / 3), length: 1000 });
    assert.deepEqual(await collect(range.content), content.subarray(Math.floor(bytes / 3), Math.floor(bytes / 3) + 1000));
  }
});

test('twenty puts and gets at one time', async () => {
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const content = seededRandom(index).bytes(300_000 + index);
    const { root } = await client.put(pieces(content, 50_000), { name: `parallel ${index}` });
    assert.deepEqual(await collect((await client.get(root)).content), content);
  }));
});

test('errors keep code, message and data', async () => {
  await assert.rejects(client.info('nothing'), { name: 'PangeaError', code: 'NOT_FOUND', message: 'no such object in the catalogue' });
  await assert.rejects(client.connectPeer('1.2.3.4:5'), { code: 'PEER_UNREACHABLE' });
  node.failStatus = true;
  await assert.rejects(client.status(), { code: 'INTERNAL', message: 'a bug in the node' });
  node.failStatus = false;
  await assert.rejects(client.get('absent'), { code: 'NOT_FOUND' });
  await assert.rejects(client.invite({ uses: -1, expiresMs: 1 }), { code: 'USAGE', message: /uses/ });
  assert.deepEqual(await client.invite({ uses: 3, expiresMs: 1 }), { ticket: 'ticket for 3' });
});

test('a put that is refused at once reports the reason, not a broken pipe, though the body is large or silent', async () => {
  const refused = { code: 'NOT_ENOUGH_PEERS', message: 'nobody is there', data: { peers: 0 } };
  await assert.rejects(client.put(pieces(new Uint8Array(50_000_000), 1_000_000), { name: 'refused' }), refused);
  let released = false;
  const silent: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => undefined),
      return: async () => { released = true; return { done: true, value: undefined }; },
    }),
  };
  await assert.rejects(client.put(silent, { name: 'refused' }), refused);
  assert.ok(released);
});

test('a refusal closes nothing under a client that is still sending', async () => {
  const socket = connect(server.path);
  const options = encodeURIComponent(JSON.stringify({ name: 'x', dictionary: 'unknown' }));
  socket.write(`POST /v1/put HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\npangea-options: ${options}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /NOT_FOUND/);
  // More than the socket's buffers hold: it arrives only when somebody still reads it.
  for (let chunk = 0; chunk < 40; chunk++) {
    await new Promise<void>((resolve, reject) => socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`, (error) => (error ? reject(error) : resolve())));
  }
  socket.destroy();
});

test('an error in the middle of a get arrives with its code, after the good bytes', async () => {
  const content = random.bytes(4_000_000);
  const { root } = await client.put(pieces(content, 1_000_000), { name: 'breaks' });
  node.failAfterBytes = 2 * 1024 * 1024;
  try {
    const got = await client.get(root);
    let received = 0;
    await assert.rejects(async () => {
      for await (const chunk of got.content) received += chunk.length;
    }, { code: 'CORRUPT', data: { stripe: 3 } });
    assert.equal(received, 2 * 1024 * 1024);
  } finally {
    node.failAfterBytes = Infinity;
  }
});

test('a reader that fails makes the put fail with its own error, and the node keeps nothing', async () => {
  const failure = new Error('disk on fire');
  await assert.rejects(client.put((async function* () {
    yield new Uint8Array(100_000);
    throw failure;
  })(), { name: 'half' }), failure);
  await assert.rejects(client.info('half'), { code: 'NOT_FOUND' });
});

test('a client that goes away aborts its call', async () => {
  const { root } = await client.put(pieces(new Uint8Array(30_000_000), 1_000_000), { name: 'long' });
  node.signals.length = 0;
  for await (const chunk of (await client.get(root)).content) {
    assert.ok(chunk.length > 0);
    break;
  }
  for (let i = 0; i < 100 && node.signals[0]?.aborted !== true; i++) await sleep(10);
  assert.equal(node.signals[0]?.aborted, true);

  const abort = new AbortController();
  const got = await client.get(root, { signal: abort.signal });
  await assert.rejects(async () => {
    for await (const chunk of got.content) if (chunk.length > 0) abort.abort();
  }, { code: 'ABORTED' });
  await assert.rejects(client.get(root, { signal: abort.signal }), { code: 'ABORTED' });
});

test('a finished call is not an aborted one', async () => {
  node.signals.length = 0;
  const { root } = await client.put(pieces(new Uint8Array(1000), 100), { name: 'fine' });
  await collect((await client.get(root)).content);
  await sleep(20);
  assert.deepEqual(node.signals.map(({ aborted }) => aborted), [false, false]);
});

test('trees of many small and some large files', async () => {
  const files = new Map(Array.from({ length: 300 }, (_, i) => [`d${i % 7}/f${i}`, random.bytes(i % 50 === 0 ? 400_000 : random.integer(3000))]));
  async function* entries(): AsyncGenerator<TreeEntry> {
    yield { path: 'd0', type: 'directory', mode: 0o755, modifiedMs: 1.5, bytes: 0 };
    yield { path: 'link', type: 'symlink', mode: 0o777, modifiedMs: 2, bytes: 0, target: 'd0/f0' };
    for (const [path, bytes] of files) yield { path, type: 'file', mode: 0o640, modifiedMs: 3, bytes: bytes.length, content: pieces(bytes, 65_536) };
  }
  const put = await client.putTree(entries(), { name: 'tree' });
  assert.equal(put.kind, 'directory');
  const got = await client.getTree(put.root);
  assert.equal(got.name, 'tree');
  let seen = 0;
  for await (const { content, ...entry } of got.entries) {
    if (entry.type === 'symlink') assert.equal(entry.target, 'd0/f0');
    const want = files.get(entry.path);
    // Every third file is left unread: the stream must skip it.
    if (want !== undefined && content !== undefined && seen++ % 3 !== 0) assert.deepEqual(await collect(content), want, entry.path);
  }
  assert.equal(seen, 300);
});

test('list and search stream their records', async () => {
  const names: string[] = [];
  for await (const record of client.list()) names.push(record.name);
  assert.ok(names.includes('tree') && names.includes('fine'));
  const found: string[] = [];
  for await (const record of client.search('parallel 1')) found.push(record.name);
  assert.equal(found.length, 11);
});

test('the socket is private, and a second node is refused', async () => {
  assert.equal(statSync(server.path).mode & 0o777, 0o600);
  assert.equal(await isNodeRunning(dataDir), true);
  await assert.rejects(openControlServer({ dataDir, api: node, logger: silentLogger }), { code: 'NODE_ALREADY_RUNNING' });
  assert.equal(await isNodeRunning(dataDir), true);
});

test('no node: a code and what to do', async () => {
  const empty = join(dataDir, 'empty');
  mkdirSync(empty);
  await assert.rejects(connectNode(empty).peers(), { code: 'NODE_NOT_RUNNING', message: /pangea-node start --data-dir/ });
  await assert.rejects(connectNode(empty).put(pieces(new Uint8Array(9), 1), { name: 'x' }), { code: 'NODE_NOT_RUNNING' });
});

test('a long path leads to no socket in a directory that others may use', { skip: process.platform === 'win32' }, async () => {
  const long = join(dataDir, 'x'.repeat(120));
  mkdirSync(long);
  const far = await openControlServer({ dataDir: long, api: node, logger: silentLogger });
  const place = dirname(far.path);
  assert.equal(await isNodeRunning(long), true);
  chmodSync(place, 0o755);
  assert.equal(await controlSocketPath(long), undefined);
  await assert.rejects(connectNode(long).status(), { code: 'NODE_NOT_RUNNING' });
  chmodSync(place, 0o700);
  assert.equal(await isNodeRunning(long), true);
  await far.close(0);
  // As after a tidy of the shared directory: the file still points there.
  writeFileSync(join(long, 'control.path'), join(place, 'control.sock'));
  assert.equal(await controlSocketPath(long), undefined);
});

test('the socket of a killed node is replaced, also behind a long path', async () => {
  for (const name of ['short', 'l'.repeat(120)]) {
    const dir = join(dataDir, name);
    mkdirSync(dir);
    const leave = `
      import { openControlServer } from ${JSON.stringify(new URL('../../src/control/control.ts', import.meta.url).href)};
      const none = () => undefined;
      await openControlServer({ dataDir: ${JSON.stringify(dir)}, api: {}, logger: { debug: none, info: none, warn: none, error: none } });
      process.stdout.write('up');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', leave], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    assert.equal(await isNodeRunning(dir), true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(await isNodeRunning(dir), false);
    const stale = await controlSocketPath(dir);
    assert.ok(stale !== undefined && statSync(stale).isSocket());
    await assert.rejects(connectNode(dir).peers(), { code: 'NODE_NOT_RUNNING' });
    const again = await openControlServer({ dataDir: dir, api: node, logger: silentLogger });
    assert.deepEqual(await connectNode(dir).peers(), []);
    await again.close(1000);
    assert.throws(() => statSync(again.path), { code: 'ENOENT' });
  }
});

test('a node that dies in the middle of an answer is never taken for a complete one', async () => {
  const dir = join(dataDir, 'dying');
  mkdirSync(dir);
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nPangea-Object: %7B%22name%22%3A%22x%22%2C%22bytes%22%3A3%7D\r\n\r\n3\r\nabc\r\n';
  for (const rest of ['', '0\r\n\r\n', '0\r\npangea-outcome: nonsense\r\n\r\n', '5\r\nab']) {
    const dying = createServer((socket) => socket.once('data', () => socket.end(head + rest)));
    dying.listen(join(dir, 'control.sock'));
    await once(dying, 'listening');
    const got = await connectNode(dir).get('x');
    await assert.rejects(collect(got.content), { code: 'NODE_NOT_RUNNING', message: /went away in the middle/ });
    dying.close();
    await once(dying, 'close');
  }
});

test('unknown calls, junk headers and junk bytes leave the server serving', async () => {
  for (const junk of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'POST /v1/get HTTP/1.1\r\nHost: x\r\nPangea-Options: %7B%ZZ\r\n\r\n', '\0\xff\r\n\r\n', 'POST /v1/__proto__ HTTP/1.1\r\nHost: x\r\n\r\n']) {
    const socket = connect(server.path);
    socket.write(junk, 'latin1');
    const [answer] = await once(socket, 'data') as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 (400|500)/);
    socket.destroy();
  }
  assert.deepEqual(await client.peers(), []);
});

test('closing lets a call finish, and cuts it off at the deadline', async () => {
  const dir = join(dataDir, 'closing');
  mkdirSync(dir);
  writeFileSync(join(dir, 'control.sock'), '');
  const closing = await openControlServer({ dataDir: dir, api: node, logger: silentLogger });
  const { root } = await client.put(pieces(new Uint8Array(8_000_000), 1_000_000), { name: 'slow reader' });
  const got = await connectNode(dir).get(root);
  const reader = got.content[Symbol.asyncIterator]();
  await reader.next();
  const started = performance.now();
  const closed = closing.close(300);
  await assert.rejects(async () => {
    await sleep(1000);
    for (;;) if ((await reader.next()).done === true) return;
  }, { code: 'NODE_NOT_RUNNING' });
  await closed;
  assert.ok(performance.now() - started >= 295);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectNode, describeFile, openControlServer, type ControlServer, type LocalFile } from '../../src/control/control.ts';
import { writeSame } from '../../src/control/local-file.ts';
import { isPangeaError } from '../../src/errors/errors.ts';
import { seededRandom } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { collect, MemoryNode } from './memory-node.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'pangea-local-file-'));
const node = new MemoryNode();
const client = connectNode(dataDir);
let server: ControlServer;
before(async () => { server = await openControlServer({ dataDir, api: node, logger: silentLogger }); });
after(async () => {
  await server.close(1000);
  rmSync(dataDir, { recursive: true });
});

const ignore = (): void => undefined;

async function described(path: string): Promise<LocalFile> {
  await using handle = await open(path);
  const file = await describeFile(handle, path);
  assert.ok(file);
  return file;
}

function made(name: string, content: Uint8Array): string {
  const path = join(dataDir, name);
  writeFileSync(path, content);
  return path;
}

test('a file goes in and comes out without passing through the socket', async () => {
  for (const bytes of [0, 1, 1_048_576, 1_048_577, 9_000_001]) {
    const content = seededRandom(bytes).bytes(bytes);
    const told: number[] = [];
    const { root } = await client.putFile(await described(made('in', content)), { name: `file ${bytes}` }, (count) => told.push(count));
    assert.deepEqual(await collect((await client.get(root)).content), content);
    if (bytes > 8_000_000) assert.ok(told.length > 0 && told.every((count, at) => count > (told[at - 1] ?? 0)), `told ${told.join()}`);

    const out = made('out', new Uint8Array(0));
    const inode = statSync(out).ino;
    const found = await client.getFile(root, {});
    assert.deepEqual([found.bytes, found.name, found.kind], [bytes, `file ${bytes}`, 'file']);
    assert.equal(await found.deliver(await described(out), ignore), undefined);
    assert.deepEqual(new Uint8Array(readFileSync(out)), content);
    assert.equal(statSync(out).ino, inode);
  }
});

test('another file under the same path is not read', async () => {
  const path = made('swapped', Buffer.from('what the caller has open'));
  const file = await described(path);
  const refused = (error: unknown): boolean => isPangeaError(error, 'FILE_NOT_REACHABLE');
  await assert.rejects(client.putFile({ ...file, inode: String(Number(file.inode) + 1) }, { name: 'inode' }, ignore), refused);
  await assert.rejects(client.putFile({ ...file, device: '1' }, { name: 'device' }, ignore), refused);
  await assert.rejects(client.putFile({ ...file, bytes: 3 }, { name: 'length' }, ignore), refused);
  await assert.rejects(client.putFile({ ...file, path: join(dataDir, 'absent') }, { name: 'absent' }, ignore), refused);
  execFileSync('mkfifo', [join(dataDir, 'pipe')]);
  await assert.rejects(client.putFile({ ...file, path: join(dataDir, 'pipe') }, { name: 'pipe' }, ignore), refused);
});

test('a file that the node cannot reach is filled from the stream', async () => {
  const content = seededRandom(3).bytes(3_000_000);
  const { root } = await client.putFile(await described(made('in', content)), { name: 'for the stream' }, ignore);
  const out = await described(made('untouched', Buffer.from('as it was')));
  for (const target of [undefined, { ...out, inode: '1' }]) {
    const streamed = await (await client.getFile(root, { offset: 1_000_000 })).deliver(target, ignore);
    assert.ok(streamed);
    assert.deepEqual(await collect(streamed), content.subarray(1_000_000));
  }
  assert.equal(readFileSync(out.path, 'utf8'), 'as it was');
});

test('a file that grows while it is read is not stored', async () => {
  const path = made('growing', seededRandom(4).bytes(6_000_000));
  const file = await described(path);
  const slow = node.put.bind(node);
  node.put = async (content, options) => {
    appendFileSync(path, 'more');
    return slow(content, options);
  };
  try {
    await assert.rejects(client.putFile(file, { name: 'growing' }, ignore), (error) => isPangeaError(error, 'FILE_CHANGED'));
  } finally {
    node.put = slow;
  }
  await assert.rejects(client.info('growing'), (error) => isPangeaError(error, 'NOT_FOUND'));
});

test('a file that holds more than it says is not stored', { skip: !existsSync('/proc/version') && 'no /proc here' }, async () => {
  await assert.rejects(client.putFile(await described('/proc/version'), { name: 'version' }, ignore), (error) => isPangeaError(error, 'FILE_CHANGED'));
});

test('a full disk is told as one, not as a fault of the node', async () => {
  const full = { write: async () => { throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }); } } as unknown as FileHandle;
  const content = async function* () { yield new Uint8Array(5000); };
  const written = writeSame(full, { path: join(dataDir, 'nowhere'), device: '1', inode: '1', bytes: 0, modifiedNs: '0' }, content());
  await assert.rejects(written.next(), (error) => isPangeaError(error, 'FILE_IO') && /nowhere": the disk is full/.test(error.message));
});

test('errors of the node keep their code, before and in the middle', async () => {
  const file = await described(made('in', seededRandom(5).bytes(5_000_000)));
  await assert.rejects(client.putFile(file, { name: 'refused' }, ignore), (error) => isPangeaError(error, 'NOT_ENOUGH_PEERS'));
  await assert.rejects(client.getFile('nothing', {}), (error) => isPangeaError(error, 'NOT_FOUND'));
  const { root } = await client.putFile(file, { name: 'damaged' }, ignore);
  node.failAfterBytes = 2_000_000;
  try {
    const out = await described(made('half', new Uint8Array(0)));
    await assert.rejects(client.getFile(root, {}).then((found) => found.deliver(out, ignore)), (error) => isPangeaError(error, 'CORRUPT'));
    const streamed = await (await client.getFile(root, {})).deliver(undefined, ignore);
    assert.ok(streamed);
    await assert.rejects(collect(streamed), (error) => isPangeaError(error, 'CORRUPT'));
  } finally {
    node.failAfterBytes = Infinity;
  }
});

test('a client that goes away aborts its call', async () => {
  const file = await described(made('in', seededRandom(6).bytes(5_000_000)));
  const { root } = await client.putFile(file, { name: 'left' }, ignore);
  const stop = new AbortController();
  const found = await client.getFile(root, { signal: stop.signal });
  const signal = node.signals.at(-1);
  stop.abort();
  await assert.rejects(found.deliver(file, ignore));
  while (signal?.aborted === false) await new Promise(setImmediate);
  assert.deepEqual(readFileSync(file.path).length, 5_000_000);
});

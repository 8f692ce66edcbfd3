/** The main job: a file and a tree put on one of twelve processes come back from another, with four killed during the read. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connectNode, type PutResult } from '../../src/control/control.ts';
import { loadNative } from '../../src/native/native.ts';
import { seededRandom } from '../../src/std/std.ts';
import { run } from '../cli/run.ts';
import { isAlive, startDev, type DevNetwork } from './local-network.ts';

const native = loadNative();
const fileBytes = 64 * 1024 * 1024 + 4321;
const directory = mkdtempSync(join(tmpdir(), 'pangea-e2e-'));
const limits = { timeout: 180_000, ...(native.ok ? {} : { skip: `needs the addon: ${native.reason}` }) };
let network: DevNetwork | undefined;

before(async () => {
  if (native.ok) network = await startDev(12);
}, { timeout: 120_000 });
after(async () => {
  await network?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const nodeAt = (index: number) => {
  const node = network?.nodes[index];
  assert.ok(node);
  return node;
};

async function cli(index: number, ...args: string[]) {
  const { code, stdout, stderr } = await run([...args, '--json', '--data-dir', nodeAt(index).dataDir]);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as never;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('put on one, get on another, four killed with -9 during the read', limits, async () => {
  const content = seededRandom(42).bytes(fileBytes);
  const path = join(directory, 'file');
  writeFileSync(path, content);
  const tree = join(directory, 'tree');
  const random = seededRandom(43);
  for (let i = 0; i < 200; i++) {
    mkdirSync(join(tree, `d${i % 9}`), { recursive: true });
    writeFileSync(join(tree, `d${i % 9}`, `f${i}`), random.bytes(random.integer(32_768)));
  }

  const put: PutResult = await cli(0, 'put', path);
  assert.equal(put.bytes, fileBytes);
  assert.deepEqual([put.ack.fsynced, put.ack.holders, put.survivesFailures], [12, 12, 4]);
  const putTree: PutResult = await cli(0, 'put', tree);
  assert.equal(putTree.survivesFailures, 4);

  const hash = createHash('sha256');
  let received = 0;
  const killed = [2, 4, 6, 8];
  for await (const chunk of (await connectNode(nodeAt(11).dataDir).get(put.link)).content) {
    if (received === 0) for (const index of killed) process.kill(nodeAt(index).pid, 'SIGKILL');
    hash.update(chunk);
    received += chunk.length;
  }
  assert.equal(received, fileBytes);
  assert.equal(hash.digest('hex'), sha256(content));
  assert.ok(killed.every((index) => !isAlive(nodeAt(index).pid)));

  const copy = join(directory, 'copy');
  await cli(10, 'get', put.link, '-o', copy);
  assert.equal(sha256(readFileSync(copy)), sha256(content));
  const treeCopy = join(directory, 'tree-copy');
  await cli(10, 'get', putTree.link, '-o', treeCopy);
  const names = (readdirSync(tree, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  assert.equal(names.length, 200);
  for (const { parentPath, name } of names) {
    const original = join(parentPath, name);
    assert.equal(sha256(readFileSync(original.replace(tree, treeCopy))), sha256(readFileSync(original)), original);
  }
  const { memoryBytes } = await connectNode(nodeAt(0).dataDir).status();
  assert.ok(memoryBytes < 400 * 1024 * 1024, `node 1 uses ${memoryBytes} bytes`);
});

test('Ctrl-C ends dev with 0 and leaves no process', limits, async () => {
  const stopped = network;
  assert.ok(stopped);
  network = undefined;
  assert.equal(await stopped.stop(), 0);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openControlServer, type ControlServer, type ObjectRecord, type PutResult } from '../../src/control/control.ts';
import { seededRandom } from '../../src/std/std.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { MemoryNode } from '../control/memory-node.ts';
import { program, run, type Finished } from './run.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-files-'));
const dataDir = join(directory, 'data');
const node = new MemoryNode();
let server: ControlServer;
before(async () => {
  mkdirSync(dataDir);
  server = await openControlServer({ dataDir, api: node, logger: silentLogger });
});
after(async () => {
  await server.close(500);
  rmSync(directory, { recursive: true });
});

const cli = (...args: string[]): Promise<Finished> => run(args, { env: { PANGEA_DATA_DIR: dataDir } });
const at = (...names: string[]): string => join(directory, ...names);
/** What a command that failed may not leave behind. */
const leftovers = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.part'));

async function putFile(name: string, bytes: number): Promise<{ readonly path: string; readonly content: Uint8Array; readonly link: string }> {
  const content = seededRandom(bytes).bytes(bytes);
  writeFileSync(at(name), content);
  const { code, stdout, stderr } = await cli('put', at(name));
  assert.equal(code, 0, stderr);
  return { path: at(name), content, link: stdout.trim() };
}

test('put prints the link alone on stdout, get brings the bytes back', async () => {
  for (const bytes of [0, 1, 3_000_000]) {
    const { content, link } = await putFile(`file-${bytes}`, bytes);
    assert.match(link, /^pangea:1:/);
    const out = at(`copy-${bytes}`);
    const got = await cli('get', link, '-o', out);
    assert.equal(got.code, 0, got.stderr);
    assert.equal(got.stdout, '');
    assert.deepEqual(new Uint8Array(readFileSync(out)), content);
    assert.equal(statSync(out).mode & 0o777, 0o666 & ~process.umask());
  }
});

test('--json gives one document', async () => {
  writeFileSync(at('doc'), 'hello');
  const put = JSON.parse((await cli('put', at('doc'), '--json', '--name', 'other', '--ack', 'some', '--media-type', 'text/plain')).stdout) as PutResult;
  assert.deepEqual([put.name, put.bytes, put.ack.asked, put.mediaType], ['other', 5, 'some', 'text/plain']);
  const got = JSON.parse((await cli('get', put.link, '-o', at('doc2'), '--json')).stdout) as { bytes: number; kind: string };
  assert.deepEqual([got.bytes, got.kind], [5, 'file']);
  const listed = (await cli('ls', '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line) as ObjectRecord);
  assert.ok(listed.some(({ name }) => name === 'other'));
  assert.equal((JSON.parse((await cli('info', 'other', '--json')).stdout) as { bytes: number }).bytes, 5);
  assert.equal((await cli('rm', 'other', '--json')).code, 0);
  assert.equal((await cli('info', 'other')).code, 66);
});

test('links stay out of lists unless asked for', async () => {
  const { link } = await putFile('secret', 10);
  assert.ok(!(await cli('ls')).stdout.includes(link));
  assert.ok((await cli('ls', '--links')).stdout.includes(link));
  assert.match((await cli('search', 'secr')).stdout, /secret/);
});

test('a file that says it is empty is read to its end', { skip: !existsSync('/proc/version') && 'no /proc here' }, async () => {
  const put = await cli('put', '/proc/version', '--json');
  assert.equal(put.code, 0, put.stderr);
  const got = await cli('get', (JSON.parse(put.stdout) as { link: string }).link, '-o', '-');
  assert.equal(got.stdout, readFileSync('/proc/version', 'utf8'));
});

test('stdin, stdout, and the link from a file or stdin', async () => {
  const content = seededRandom(3).bytes(2_000_000);
  const put = await run(['put', '-', '--name', 'piped'], { input: content, env: { PANGEA_DATA_DIR: dataDir } });
  assert.equal(put.code, 0, put.stderr);
  const got = await run(['get', '--link-file', '-', '-o', '-'], { input: put.stdout, env: { PANGEA_DATA_DIR: dataDir } });
  assert.equal(got.code, 0, got.stderr);
  assert.ok(got.stdoutBytes.equals(content));
  writeFileSync(at('link.txt'), put.stdout);
  assert.ok((await cli('get', '--link-file', at('link.txt'), '-o', '-')).stdoutBytes.equals(content));
  const range = await cli('get', 'piped', '-o', '-', '--offset', '1000', '--length', '50');
  assert.ok(range.stdoutBytes.equals(content.subarray(1000, 1050)));
});

test('a reader that closes the pipe is met with silence', async () => {
  const { link } = await putFile('long', 5_000_000);
  const child = spawn(process.execPath, [program, 'get', link, '-o', '-'], { env: { ...process.env, PANGEA_DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => { stderr += String(chunk); });
  child.stdout.once('data', () => child.stdout.destroy());
  const [code] = await once(child, 'close') as [number];
  assert.equal(stderr, '');
  assert.equal(code, 141);
});

test('get refuses to overwrite, unless told', async () => {
  const { link, content } = await putFile('new', 1000);
  writeFileSync(at('old'), 'precious');
  const refused = await cli('get', link, '-o', at('old'));
  assert.equal(refused.code, 73);
  assert.match(refused.stderr, /^pangea-node: FILE_EXISTS: /);
  assert.equal(readFileSync(at('old'), 'utf8'), 'precious');
  assert.equal((await cli('get', link, '-o', at('old'), '--overwrite')).code, 0);
  assert.deepEqual(new Uint8Array(readFileSync(at('old'))), content);
  mkdirSync(at('into'));
  assert.equal((await cli('get', link, '-o', at('into'))).code, 0);
  assert.deepEqual(new Uint8Array(readFileSync(at('into', 'new'))), content);
  assert.equal((await cli('get', link, '-o', '/dev/null')).code, 0);
  assert.ok(statSync('/dev/null').isCharacterDevice());
});

test('a get that fails in the middle leaves nothing, and keeps what was there', async () => {
  const { link } = await putFile('broken', 4_000_000);
  writeFileSync(at('kept'), 'precious');
  node.failAfterBytes = 2 * 1024 * 1024;
  try {
    const failed = await cli('get', link, '-o', at('partial'));
    assert.equal(failed.code, 65);
    assert.match(failed.stderr, /^pangea-node: CORRUPT: stripe 3 does not authenticate\n$/);
    assert.equal(existsSync(at('partial')), false);
    assert.equal((await cli('get', link, '-o', at('kept'), '--overwrite')).code, 65);
    assert.equal(readFileSync(at('kept'), 'utf8'), 'precious');
  } finally {
    node.failAfterBytes = Infinity;
  }
  assert.deepEqual(leftovers(), []);
});

test('Ctrl-C in the middle of a put: nothing is stored, exit 130', async () => {
  const child = spawn(process.execPath, [program, 'put', '-', '--name', 'interrupted'], { env: { ...process.env, PANGEA_DATA_DIR: dataDir }, stdio: ['pipe', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => { stderr += String(chunk); });
  node.signals.length = 0;
  child.stdin.write(new Uint8Array(100_000));
  for (let i = 0; i < 500 && node.signals.length === 0; i++) await sleep(10);
  child.kill('SIGINT');
  const [code] = await once(child, 'close') as [number];
  assert.equal(code, 130);
  assert.match(stderr, /^pangea-node: ABORTED: [^\n]+\n$/);
  assert.equal((await cli('info', 'interrupted')).code, 66);
});

test('a directory comes back with its files, modes, times and links', async () => {
  const tree = at('tree');
  mkdirSync(join(tree, 'a', 'deep', 'er'), { recursive: true });
  mkdirSync(join(tree, 'empty'));
  const random = seededRandom(9);
  for (let i = 0; i < 200; i++) writeFileSync(join(tree, 'a', `f${i}`), random.bytes(random.integer(20_000)));
  const large = random.bytes(3_000_000);
  writeFileSync(join(tree, 'a', 'deep', 'large'), large);
  writeFileSync(join(tree, 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(tree, 'run.sh'), 0o750);
  symlinkSync('a/f1', join(tree, 'to-file'));
  symlinkSync('../../run.sh', join(tree, 'a', 'deep', 'up'));
  utimesSync(join(tree, 'a', 'f7'), 1_000_000_000, 1_000_000_000.5);
  utimesSync(join(tree, 'empty'), 1_100_000_000, 1_100_000_000);
  chmodSync(join(tree, 'a', 'deep', 'er'), 0o500);
  const put = await cli('put', tree);
  assert.equal(put.code, 0, put.stderr);
  const copy = at('tree-copy');
  const got = await cli('get', put.stdout.trim(), '-o', copy);
  assert.equal(got.code, 0, got.stderr);
  const names = (readdirSync(tree, { recursive: true }) as string[]).sort();
  assert.deepEqual((readdirSync(copy, { recursive: true }) as string[]).sort(), names);
  for (const name of names) {
    const [before, copied] = [lstatSync(join(tree, name)), lstatSync(join(copy, name))];
    assert.equal(copied.mode, before.mode, name);
    if (before.isFile()) assert.ok(readFileSync(join(copy, name)).equals(readFileSync(join(tree, name))), name);
    if (before.isSymbolicLink()) assert.equal(readlinkSync(join(copy, name)), readlinkSync(join(tree, name)));
    else assert.ok(Math.abs(copied.mtimeMs - before.mtimeMs) < 1, `${name}: ${copied.mtimeMs} ${before.mtimeMs}`);
  }
  const refused = await cli('get', put.stdout.trim(), '-o', copy);
  assert.equal(refused.code, 73);
  writeFileSync(join(copy, 'stray'), '');
  assert.equal((await cli('get', put.stdout.trim(), '-o', copy, '--overwrite')).code, 0);
  assert.equal(existsSync(join(copy, 'stray')), false);
  assert.deepEqual(leftovers(), []);
});

test('trees that would leave their directory are refused, and leave nothing', async () => {
  const file = (path: string) => ({ path, type: 'file' as const, mode: 0o644, modifiedMs: 1, bytes: 1, content: (async function* () { yield Uint8Array.of(65); })() });
  const link = (path: string, target: string) => ({ path, type: 'symlink' as const, mode: 0o777, modifiedMs: 1, bytes: 0, target });
  const hostile = [
    [file('../escaped')], [file('/tmp/escaped')], [file('a/../../escaped')], [file('a//b')], [file('a\\..\\b')],
    [link('out', '/etc')], [link('out', '../x')], [link('a/out', '../../x')], [link('a/out', 'b/../../..')],
    [link('d', 'e'), file('d/f')], [file('same'), file('same')],
  ];
  for (const [index, entries] of hostile.entries()) {
    await node.putTree((async function* () { yield* entries; })(), { name: `hostile-${index}` });
    const out = at(`hostile-${index}`);
    const { code, stderr } = await cli('get', `hostile-${index}`, '-o', out);
    assert.ok(code === 65 || code === 73, `${index}: ${code} ${stderr}`);
    assert.match(stderr, /^pangea-node: (UNSAFE_PATH|FILE_EXISTS): [^\n]+\n$/);
    assert.equal(existsSync(out), false, `${index}`);
    assert.equal(existsSync(at('escaped')), false);
  }
  assert.deepEqual(leftovers(), []);
});

test('names from elsewhere can neither leave the directory nor drive the terminal', async () => {
  await node.put((async function* () { yield Uint8Array.of(1); })(), { name: '../../up\u001b[2J' });
  const { stdout } = await cli('search', 'up');
  assert.ok(!stdout.includes('\u001b') && stdout.includes('\\x1b'));
  mkdirSync(at('here'));
  assert.equal((await cli('get', '../../up\u001b[2J', '-o', at('here'))).code, 0);
  assert.deepEqual(readdirSync(at('here')), ['up\u001b[2J']);
});

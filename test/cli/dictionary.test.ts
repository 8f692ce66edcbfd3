import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openControlServer, type ControlServer, type PutResult } from '../../src/control/control.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { MemoryNode } from '../control/memory-node.ts';
import { run, type Finished } from './run.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-dictionary-'));
const dataDir = join(directory, 'data');
const node = new MemoryNode();
let server: ControlServer;
before(async () => {
  mkdirSync(dataDir);
  server = await openControlServer({ dataDir, api: node, logger: silentLogger });
  mkdirSync(join(directory, 'samples', 'deep'), { recursive: true });
  for (let at = 0; at < 5; at++) writeFileSync(join(directory, 'samples', `${at}.json`), `{"at":${at}}`);
  writeFileSync(join(directory, 'samples', 'deep', 'six'), 'six');
  writeFileSync(join(directory, 'samples', 'empty'), '');
  writeFileSync(join(directory, 'long'), Buffer.alloc(200_000, 'x'));
});
after(async () => {
  await server.close(500);
  rmSync(directory, { recursive: true });
});

const cli = (...args: string[]): Promise<Finished> => run(args, { env: { PANGEA_DATA_DIR: dataDir } });
const at = (...names: string[]): string => join(directory, ...names);

test('samples of files and directories reach the node, each cut to what it can learn from', async () => {
  const trained = await cli('dictionary', 'train', 'users', at('samples'), at('long'), '--size', '1MiB', '--json');
  assert.equal(trained.code, 0, trained.stderr);
  const result = JSON.parse(trained.stdout) as PutResult & { samples: number };
  assert.deepEqual([result.name, result.samples, result.bytes], ['users', 8, 5 * 8 + 3 + 131_072]);
  assert.equal((await cli('get', 'users', '-o', at('users.dict'))).code, 0);
  // The node of this test keeps the samples themselves: folders come where their names stand.
  assert.ok(readFileSync(at('users.dict'), 'utf8').startsWith('{"at":0}{"at":1}{"at":2}{"at":3}{"at":4}sixxxx'));
});

test('a pipe is a sample, too', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  const writer = spawn('sh', ['-c', 'exec head -c 200000 /dev/zero > "$0"', at('pipe')], { stdio: 'ignore' });
  const trained = await cli('dictionary', 'train', 'piped', at('pipe'), '--size', '1MiB', '--json');
  writer.kill();
  assert.equal((JSON.parse(trained.stdout) as PutResult).bytes, 131_072, trained.stderr);
});

test('the size is passed on, and 64 KiB unless given', async () => {
  const sizes: number[] = [];
  for (const flags of [[], ['--size', '100KiB']]) {
    const trained = await cli('dictionary', 'train', 'sized', at('long'), ...flags, '--json');
    sizes.push((JSON.parse(trained.stdout) as PutResult).bytes);
  }
  assert.deepEqual(sizes, [64 * 1024, 100 * 1024]);
});

test('put names the dictionary to the node, and --json what came of it', async () => {
  for (const source of [at('samples', '0.json'), '-']) {
    const put = await cli('put', source, '--dictionary', 'users', '--name', 'zero', '--json');
    assert.equal(put.code, 0, put.stderr);
    const { compression } = JSON.parse(put.stdout) as PutResult;
    assert.equal(compression.dictionary, 'users');
    assert.equal(typeof compression.compressedBytes, 'number');
  }
  assert.match((await cli('put', at('long'))).stderr, /compressed to \d/);
});

test('what cannot be is told in one line', async () => {
  for (const [args, code, message] of [
    [['dictionary', 'burn', 'x', at('long')], 64, /USAGE: dictionary burn: the only action is "train"/],
    [['dictionary', 'train', 'x', at('long'), '--size', 'big'], 64, /USAGE: --size big: expected a size like 64KiB/],
    [['dictionary', 'train', 'x'], 64, /USAGE: /],
    [['dictionary', 'train', 'x', at('nowhere')], 66, /NOT_FOUND: no such file or directory/],
  ] as const) {
    const refused = await cli(...args);
    assert.equal(refused.code, code, refused.stderr);
    assert.match(refused.stderr, message);
    assert.equal(refused.stderr.trim().split('\n').length, 1);
  }
});

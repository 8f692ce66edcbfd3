import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inputOf } from '../../src/cli/graph/values.ts';
import { openControlServer, type ControlServer, type GraphNodeView } from '../../src/control/control.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import { memoryGraph } from '../control/memory-graph.ts';
import { MemoryNode } from '../control/memory-node.ts';
import { startGun } from '../graph/wire/gun-process.ts';
import { program, run, type Finished } from './run.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-cli-graph-'));
const dataDir = join(directory, 'data');
const node = new MemoryNode();
const { graph, peer } = memoryGraph();
const limits = { timeout: 60_000 };
let server: ControlServer;
before(async () => {
  mkdirSync(dataDir);
  node.graph = graph;
  server = await openControlServer({ dataDir, api: node, logger: silentLogger });
});
after(async () => {
  await server.close(500);
  await peer.close();
  rmSync(directory, { recursive: true });
});

const cli = (...args: string[]): Promise<Finished> => run(['graph', ...args], { env: { PANGEA_DATA_DIR: dataDir } });

test('values as they are typed', () => {
  const typed = inputOf(['a=text', 'n=-1.5e3', 'yes=true', 'gone=null', 'digits="007"', 'link=@users/ada', 'at="@home"', 'eq=a=b', 'empty=', 'date=2024-01-02', 'list=[1]', 'quote="open', '__proto__=x']);
  assert.deepEqual({ ...typed }, {
    a: 'text', n: -1500, yes: true, gone: null, digits: '007', link: { '#': 'users/ada' }, at: '@home', eq: 'a=b', empty: '', date: '2024-01-02', list: '[1]', quote: '"open', ['__proto__']: 'x',
  });
  for (const bad of [['noequals'], ['=x'], ['a=1', 'a=2']]) assert.throws(() => inputOf(bad), { code: 'USAGE' });
});

test('put, get, souls: for people and for programs', limits, async () => {
  const put = await cli('put', 'users/ada', 'name=Ada', 'born=1815', 'boss=@users/charles', 'bell=a\u0007b');
  assert.deepEqual([put.code, put.stdout], [0, ''], put.stderr);
  assert.match(put.stderr, /stored \(memory\)/);
  const shown = await cli('get', 'users/ada');
  assert.match(shown.stdout, /^users\/ada\nkey +value +written\nbell +"a\\u0007b".*\nborn +1815 .*\nboss +-> users\/charles .*\nname +"Ada" /);
  const field = JSON.parse((await cli('get', 'users/ada/name', '--json')).stdout) as GraphNodeView;
  assert.deepEqual(field.fields.map(({ key, value }) => [key, value]), [['name', 'Ada']]);
  assert.equal((await cli('put', 'users/ada', 'name=null', '--json')).code, 0);
  assert.match((await cli('get', 'users/ada', '--key', 'name')).stdout, /name +null/);
  await graph.put('users/bob', { n: 1 });
  assert.equal((await cli('souls', '--prefix', 'users/')).stdout, 'users/ada\nusers/bob\n');
  assert.equal((await cli('souls', '--json')).stdout, '"users/ada"\n"users/bob"\n');
});

test('status, peers and help teach', limits, async () => {
  assert.match((await cli('status')).stdout, /^address +ws:\/\/127\.0\.0\.1:8765\/gun\n[\s\S]*digest +[0-9a-f]{16}\n[\s\S]*broken rules +none/);
  assert.equal((JSON.parse((await cli('status', '--json')).stdout) as { state: string }).state, 'up');
  assert.equal((await cli('peers')).stdout, 'nobody is connected\n');
  const help = await run(['graph', '--help']);
  for (const word of ['graph put user/ada', 'graph import radata', '--prefix', 'null deletes']) assert.ok(help.stdout.includes(word), word);
});

test('mistakes are told in one line with their code', limits, async () => {
  for (const [args, code, message] of [
    [['bogus'], 64, /expected status, get, put/], [['get'], 64, /expected SOUL/], [['put', 'x'], 64, /KEY=VALUE/], [['put', 'x', 'y'], 64, /not key=value/],
    [['souls', 'users/'], 64, /--prefix users\//], [['get', 'absent/one', '--wait', '0'], 66, /nobody who was asked/], [['get', 'x', '--wait', 'long'], 64, /milliseconds/],
    [['put', '~not.mine', 'a=1'], 77, /DENIED/], [['import', join(directory, 'absent')], 66, /no such file/], [['export', dataDir], 73, /is there already/],
  ] as const) {
    const done = await cli(...args);
    assert.equal(done.code, code, `${args.join(' ')}: ${done.stderr}`);
    assert.match(done.stderr, message);
    assert.equal(done.stderr.trim().split('\n').length, 1);
  }
  node.graph = (await import('../../src/node/graph-off.ts')).graphOff;
  assert.match((await cli('status')).stdout, /serves no graph/);
  assert.match((await cli('get', 'x')).stderr, /NOT_SUPPORTED: this node serves no graph: start it with --graph-addr/);
  node.graph = graph;
});

test('watch follows until Ctrl-C', limits, async () => {
  const child = spawn(process.execPath, [program, 'graph', 'watch', 'news', '--json'], { env: { ...process.env, PANGEA_DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    for (let tries = 0; peer.stats().replica.watched === 0; tries++) {
      assert.ok(tries < 1000, 'it never watched');
      await sleep(10);
    }
    const lines = createInterface({ input: child.stdout });
    const first = once(lines, 'line') as Promise<[string]>;
    await graph.put('news', { headline: 'it works' });
    assert.match((await first)[0], /"soul":"news".*"headline".*"it works"/);
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});

test('export makes a whole file or none; import takes it back and counts', limits, async () => {
  for (let n = 0; n < 500; n++) void graph.put(`export/${n}`, { n, text: 'x'.repeat(100) });
  const file = join(directory, 'backup.jsonl');
  const out = await cli('export', file, '--prefix', 'export/');
  assert.deepEqual([out.code, out.stdout.startsWith('1000 fields in')], [0, true], out.stderr);
  assert.equal(readFileSync(file, 'utf8').trim().split('\n').length, 500);
  assert.equal(statSync(file).mode & 0o077, 0, 'a graph may be private');
  const kept = readFileSync(file);
  assert.equal((await cli('export', file)).code, 73);
  assert.deepEqual(readFileSync(file), kept);
  assert.equal((await cli('export', file, '--prefix', 'export/', '--overwrite')).code, 0);
  assert.equal((await cli('export', '-', '--prefix', 'export/')).stdout, kept.toString());

  writeFileSync(file, `${kept.toString()}not json\n{"_":{"#":"export/new",">":{"a":5}},"a":[1]}\n{"_":{"#":"export/new",">":{"a":5}},"a":1}\n`);
  const back = await cli('import', file, '--json');
  assert.deepEqual(JSON.parse(back.stdout), { nodes: 502, taken: 1, old: 1000, later: 0, refused: 0, malformed: 2 }, back.stderr);
  assert.equal((await graph.get('export/new'))?.fields[0]?.value, 1);
});

test('what gun.js kept is taken in from its folder; a folder that we write is its own', limits, async () => {
  const folder = join(directory, 'gun');
  mkdirSync(folder);
  const first = await startGun({ folder, store: true });
  for (let n = 0; n < 30; n++) await first.put([`gun/${n}`], { n, text: `from gun ${n}` });
  await sleep(1_000);
  await first.close();
  writeFileSync(join(folder, 'radata', 'zzz'), '{"damaged');
  const taken = await cli('import', join(folder, 'radata'), '--json');
  const counts = JSON.parse(taken.stdout) as { taken: number; malformed: number };
  assert.deepEqual([counts.taken, counts.malformed], [60, 1], taken.stderr);
  assert.equal((await graph.get('gun/29', { key: 'text' }))?.fields[0]?.value, 'from gun 29');

  const back = join(directory, 'back');
  mkdirSync(back);
  const out = await cli('export', join(back, 'radata'), '--radata', '--prefix', 'gun/');
  assert.match(out.stdout, /^60 fields in 1 files/, out.stderr);
  const second = await startGun({ folder: back, store: true });
  try {
    assert.equal(((await second.once(['gun/17'])) as { text?: string } | undefined)?.text, 'from gun 17');
  } finally {
    await second.close();
  }
  assert.equal((await cli('export', join(back, 'radata'), '--radata')).code, 73);
});

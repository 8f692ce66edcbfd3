/**
 * The Python client as its users get it: installed by pip into a fresh environment, its own tests run against a real node,
 * its examples run as they stand, its types checked.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectNode } from '../../src/control/control.ts';
import { errorCodes } from '../../src/errors/errors.ts';
import { startGun } from '../graph/wire/gun-process.ts';
import { NodeProcess } from '../node/process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = join(root, 'clients/python');
const directory = mkdtempSync(join(tmpdir(), 'pangea-python-'));
const environment = join(directory, 'venv');
const python = join(environment, 'bin', 'python3');
const dataDir = join(directory, 'node');

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

function run(command: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string; timeoutMs?: number } = {}): Promise<Ran> {
  const child = spawn(command, args, {
    cwd: options.cwd ?? directory, stdio: ['ignore', 'pipe', 'pipe'], timeout: options.timeoutMs ?? 300_000,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1', ...options.env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += String(chunk); });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** Makes the environment, with what this machine has already and the registry gives; says what is missing. */
async function install(): Promise<string | undefined> {
  const version = await run('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  if (version.code !== 0) return 'no python3 here';
  const [major = 0, minor = 0] = version.output.trim().split('.').map(Number);
  if (major !== 3 || minor < 11) return `python3 is ${version.output.trim()}, not 3.11 or later`;
  const made = await run('python3', ['-m', 'venv', '--system-site-packages', environment]);
  if (made.code !== 0) return `python3 makes no virtual environments here: ${lastLine(made.output)}`;
  // From a copy, because a build leaves its traces beside the sources.
  cpSync(sources, join(directory, 'package'), { recursive: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-input'];
  const packages = await run(python, [...pip, 'pytest>=8', 'pycapnp>=2.2,<3', 'setuptools>=61', 'wheel']);
  if (packages.code !== 0) return `pycapnp and pytest cannot be had: ${lastLine(packages.output)}`;
  const installed = await run(python, [...pip, '--no-build-isolation', join(directory, 'package')]);
  assert.equal(installed.code, 0, installed.output);
  return undefined;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

describe('the Python client', () => {
  let missing: string | undefined;
  let node: NodeProcess | undefined;
  let address = '';

  before(async () => {
    missing = await install();
    if (missing !== undefined) return;
    node = new NodeProcess(dataDir, ['--allow', '127.0.0.0/8', '--graph-addr', '127.0.0.1:0']);
    await node.said('ready');
    address = (await connectNode(dataDir).status()).addresses.rpc;
  }, { timeout: 300_000 });

  after(async () => {
    await node?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test('the schema in the package is the schema', () => {
    assert.ok(readFileSync(join(sources, 'src/pangea_client/pangea.capnp')).equals(readFileSync(join(root, 'schema/pangea.capnp'))));
  });

  test('the error codes in the package are the node\'s', async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const { code, output } = await run(python, ['-c', 'import json, pangea_client.errors as e; print(json.dumps(e.exit_codes))']);
    assert.equal(code, 0, output);
    assert.deepEqual(JSON.parse(output), { ...errorCodes });
  });

  test('its tests', { timeout: 300_000 }, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const report = join(directory, 'report.xml');
    const env = { PANGEA_TEST_ADDRESS: address, PANGEA_TEST_DATA_DIR: dataDir, PYTHONPATH: '' };
    const { code, output } = await run(python, ['-X', 'faulthandler', '-m', 'pytest', '-q', `--junitxml=${report}`], { cwd: sources, env });
    assert.ok(existsSync(report), output);
    const cases = casesOf(readFileSync(report, 'utf8'));
    assert.ok(cases.length > 80, `only ${cases.length} tests were found: ${output}`);
    for (const each of cases) await reportCase(t, each);
    assert.equal(code, 0, output);
  });

  test('its examples run as they stand', { timeout: 180_000 }, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const [host = '', port = ''] = address.split(':');
    const examples = globSync('*.py', { cwd: join(root, 'examples/python') }).sort();
    assert.ok(examples.length >= 4);
    for (const each of examples) {
      await t.test(basename(each), async (inner) => {
        const args = [join(root, 'examples/python', each), '--host', host, '--port', port, '--data-dir', dataDir];
        const { code, output } = await run(python, args, { timeoutMs: 60_000 });
        if (code === 75) return inner.skip(lastLine(output));
        assert.equal(code, 0, output);
      });
    }
  });

  test('its example of the graph answers what gun.js asks', { timeout: 120_000 }, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const [host = '', port = ''] = address.split(':');
    const gun = await startGun({ peers: [(await connectNode(dataDir).graph.status()).address] });
    try {
      const args = [join(root, 'examples/python/graph.py'), '--host', host, '--port', port, '--data-dir', dataDir, '--list', 'asked', '--count', '2'];
      const ran = run(python, args, { timeoutMs: 60_000 });
      await gun.put(['asked', 'one'], { text: 'how long am I?' });
      await gun.put(['asked', 'two'], { text: 'and I?' });
      const { code, output } = await ran;
      assert.equal(code, 0, output);
      for (const [key, answer] of [['one', '4 words, 14 letters'], ['two', '2 words, 6 letters']] as const) {
        let heard: unknown;
        for (let tries = 0; heard !== answer && tries < 40; tries++) heard = await gun.once(['asked', key, 'answer'], 500);
        assert.equal(heard, answer);
      }
    } finally {
      await gun.close();
    }
  });

  test('its types hold under mypy --strict', { timeout: 240_000 }, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const had = await run(python, ['-m', 'pip', 'install', '--quiet', '--no-input', 'mypy>=1.10']);
    if (had.code !== 0) return t.skip(`mypy cannot be had: ${lastLine(had.output)}`);
    const checked = await run(python, ['-m', 'mypy', '--cache-dir', join(directory, 'mypy')], { cwd: join(directory, 'package') });
    assert.equal(checked.code, 0, checked.output);
  });
});

interface Case {
  readonly name: string;
  readonly skipped: string | undefined;
  readonly failure: string | undefined;
}

/** The test cases of a JUnit report. */
function casesOf(xml: string): Case[] {
  const text = (value: string): string => value.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#10;', '\n').replaceAll('&amp;', '&');
  return [...xml.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(([, module = '', name = '', body = '']) => {
    const skipped = /<skipped[^>]*message="([^"]*)"/.exec(body)?.[1];
    const failure = /<(?:failure|error)[^>]*>([\s\S]*?)<\//.exec(body)?.[1];
    return {
      name: text(`${module} ${name}`), skipped: skipped === undefined ? undefined : text(skipped), failure: failure === undefined ? undefined : text(failure),
    };
  });
}

const reportCase = (t: TestContext, { name, skipped, failure }: Case): Promise<void> => t.test(name, (inner) => {
  if (skipped !== undefined) return inner.skip(skipped);
  assert.equal(failure, undefined, failure);
});

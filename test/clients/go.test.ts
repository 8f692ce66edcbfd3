/** The Go client: its own tests, against its node in memory and then against a real one, and what its files must hold to. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncOptions } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectNode } from '../../src/control/control.ts';
import { startDev } from '../e2e/local-network.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const go = 'go';
const cwd = join(root, 'clients', 'go');
const run = ([command = '', ...args]: readonly string[], more: SpawnSyncOptions = {}) => spawnSync(command, args, { ...more, encoding: 'utf8' });
const hasGo = run(['go', 'version']).status === 0;
const options = { skip: hasGo ? false : 'Go is not installed', timeout: 280_000 };

/** One line of `go test -json`. */
interface GoEvent {
  readonly Action: string;
  readonly Test?: string;
  readonly Output?: string;
}

/** Runs Go's tests, and reports each of its top-level tests as one of ours. */
async function goTest(t: TestContext, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(go, ['test', '-json', '-count=1', '-timeout=240s', ...args], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  const events = Buffer.concat(output).toString().trim().split('\n').map((line) => JSON.parse(line) as GoEvent);
  const ended = events.filter(({ Action, Test }) => Test !== undefined && !Test.includes('/') && ['pass', 'fail', 'skip'].includes(Action));
  const said = (name?: string): string => events.filter(({ Test, Output }) => Output !== undefined && (name === undefined || Test === name)).map(({ Output }) => Output).join('');
  for (const { Test, Action } of ended) {
    if (Action !== 'skip') await t.test(Test as string, () => assert.equal(Action, 'pass', said(Test)));
  }
  assert.equal(code, 0, `${Buffer.concat(errors).toString()}${said().slice(-4000)}`);
  assert.ok(ended.some(({ Action }) => Action === 'pass'), 'no test of Go ran');
}

test('the generated code is of this schema', () => {
  const schema = createHash('sha256').update(readFileSync(join(root, 'schema', 'pangea.capnp'))).digest('hex');
  assert.equal(readFileSync(join(cwd, 'internal', 'schema', 'schema.sha256'), 'utf8').trim(), schema, 'run node clients/go/internal/schema/generate.mjs');
});

describe('the Go module', options, () => {
  test('is formatted and passes vet', options, () => {
    assert.equal(run(['gofmt', '-l', '.', join(root, 'examples', 'go'), join(root, 'bench', 'rivals', 'rpc-go')], { cwd }).stdout, '');
    for (const directory of [cwd, join(root, 'examples', 'go')]) {
      const vet = run(['go', 'vet', './...'], { cwd: directory });
      assert.equal(vet.status, 0, vet.stderr);
    }
  });

  test('passes its tests against a node in memory', options, (t) => goTest(t, ['./...'], { PANGEA_TEST_RPC: '' }));

  test('passes its tests against a real node, and its examples run', options, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'pangea-go-test-'));
    const network = await startDev(1, { dataDir: directory, env: { PANGEA_GRAPH_ADDR: '127.0.0.1:0' } });
    after(() => rmSync(directory, { recursive: true, force: true }));
    try {
      const dataDir = network.nodes[0]?.dataDir ?? '';
      const { addresses } = await connectNode(dataDir).status();
      const env = { PANGEA_TEST_RPC: addresses.rpc, PANGEA_RPC_TOKEN: readFileSync(join(dataDir, 'rpc-token'), 'utf8').trim() };
      await goTest(t, ['-run', '^TestNode', '.'], env);
      for (const example of ['quickstart', 'backup', 'handon']) {
        const ran = run(['go', 'run', `./${example}`, addresses.rpc], { cwd: join(root, 'examples', 'go'), env: { ...process.env, ...env }, timeout: 120_000 });
        assert.equal(ran.status, 0, `${example}: ${ran.stderr}`);
        assert.match(ran.stdout, /done\n$/, example);
      }
    } finally {
      await network.stop();
    }
  });
});

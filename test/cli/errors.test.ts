import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { errorCodes, type ErrorCode } from '../../src/errors/errors.ts';
import { program, run } from './run.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-cli-'));
after(() => rmSync(directory, { recursive: true }));

/** What is typed, and the one line that must come. */
const mistakes: readonly (readonly [args: readonly string[], code: ErrorCode, message: RegExp])[] = [
  [['--boostrap', 'x'], 'CONFIG_UNKNOWN_KEY', /unknown flag --boostrap: did you mean --bootstrap\?/],
  [['start', '--nod-id', '1'], 'CONFIG_UNKNOWN_KEY', /did you mean --node-id\?/],
  [['puut', 'x'], 'USAGE', /puut: did you mean put\?/],
  [['put'], 'USAGE', /see --help/],
  [['put', 'a', 'b'], 'USAGE', /argument b/],
  [['put', join(directory, 'absent')], 'NOT_FOUND', /no such file or directory: ".*absent"/],
  [['put', '--ack', 'maybe', 'x'], 'USAGE', /Argument: ack, Given: "maybe", Choices: "memory", "some", "all"/],
  [['get'], 'USAGE', /a link, root or name is missing/],
  [['get', 'a', '--link-file', 'b'], 'USAGE', /given twice/],
  [['get', '--link-file', join(directory, 'absent')], 'NOT_FOUND', /absent/],
  [['get', 'a', '--offset', '-1', '-o', '-'], 'USAGE', /--offset|see --help/],
  [['get', 'a', '-o', new URL(import.meta.url).pathname], 'FILE_EXISTS', /is there already/],
  [['ls'], 'NODE_NOT_RUNNING', /start it with "pangea-node start --data-dir/],
  [['invite', '--uses', '0'], 'USAGE', /from 1 to 99999/],
  [['invite', '--expires', '24'], 'USAGE', /time with its unit/],
  [['peers', 'dance'], 'USAGE', /expected connect or revoke/],
  [['peers', 'connect'], 'USAGE', /an address is missing/],
  [['dev', '--nodes', '0'], 'USAGE', /from 1 to 64/],
  [['start', '--node-id', '-1'], 'CONFIG_INVALID', /node-id = "-1": expected a whole number/],
  [['start', '--config', join(directory, 'absent.toml')], 'CONFIG_INVALID', /absent\.toml cannot be read/],
  [['start', '--config', '/absent\u001b[2J\u009b2J'], 'CONFIG_INVALID', /\/absent\\x1b\[2J\\x9b2J cannot be read/],
  [['start', '--node-id', '1', '--node-id', 'x'], 'CONFIG_INVALID', /node-id = "x": /],
  [['start', '--p2p-addr', '1.2.3.4'], 'CONFIG_INVALID', /expected host:port/],
];

test('every mistake is one line with a stable code, and its exit code', async () => {
  await Promise.all(mistakes.map(async ([args, code, message]) => {
    const env = { PANGEA_DATA_DIR: join(directory, 'data') };
    const text = await run(args, { env });
    assert.equal(text.code, errorCodes[code], `${args.join(' ')}: ${text.stderr}`);
    assert.equal(text.stdout, '');
    assert.match(text.stderr, new RegExp(`^pangea-node: ${code}: [^\\n]+\\n$`), args.join(' '));
    assert.match(text.stderr, message);
  }));
  assert.equal(existsSync(join(directory, 'data')), false, 'a mistake makes no data directory');
});

test('with --json an error is one JSON line on stderr', async () => {
  const { code, stdout, stderr } = await run(['ls', '--json', '--data-dir', join(directory, 'none')]);
  assert.equal(code, 69);
  assert.equal(stdout, '');
  const { error } = JSON.parse(stderr) as { error: { code: string; message: string; data: object } };
  assert.equal(error.code, 'NODE_NOT_RUNNING');
  assert.deepEqual(error.data, {});
});

test('a setting in the environment that does not exist is refused by every command', async () => {
  const { code, stderr } = await run(['ls'], { env: { PANGEA_DATADIR: '/x' } });
  assert.equal(code, 78);
  assert.match(stderr, /unknown setting PANGEA_DATADIR in the environment: did you mean PANGEA_DATA_DIR\?/);
});

test('--help teaches: every command, every setting with its default, examples', async () => {
  const { code, stdout } = await run(['--help']);
  assert.equal(code, 0);
  for (const word of ['start', 'init', 'invite', 'join', 'put', 'get', 'ls', 'info', 'search', 'rm', 'peers', 'plan', 'dev']) {
    assert.match(stdout, new RegExp(`pangea-node ${word}\\b`), word);
  }
  for (const word of ['--node-id', '--rpc-addr', '127.0.0.1:9090', '--bootstrap', '--verbose', '--json', 'Examples:']) assert.ok(stdout.includes(word), word);
  const put = await run(['put', '--help']);
  assert.match(put.stdout, /Examples:[\s\S]*put photos\//);
});

test('--version', async () => {
  const { code, stdout } = await run(['--version']);
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('the launcher runs on the system\'s older Node too, passes signals on, and mirrors the exit', async (t) => {
  const older = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path) && path !== process.execPath);
  if (older === undefined) return t.skip('no second Node on this machine');
  const { code, stdout } = await run(['--version'], { launcher: older });
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal((await run(['ls', '--data-dir', join(directory, 'none')], { launcher: older })).code, errorCodes.NODE_NOT_RUNNING);
  const node = spawn(older, [program, '--data-dir', join(directory, 'node'), '--json', ...['rpc', 'p2p', 'dht', 'http'].flatMap((part) => [`--${part}-addr`, '127.0.0.1:0'])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const chunk of node.stdout) if (String(chunk).includes('"ready"')) break;
  node.kill('SIGTERM');
  assert.deepEqual(await once(node, 'exit'), [0, null]);
});

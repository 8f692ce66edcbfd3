/** A whole node with its RPC port: the token that a command prints opens it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, chmodSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../cli/run.ts';
import { NodeProcess } from '../node/process.ts';
import { Client, get, put, status } from './client.ts';

test('a node says its RPC port, and the printed token opens it; another one holds at once', { timeout: 120_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-rpc-node-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'rpc-token');
  const token = (...flags: string[]) => run(['token', '--data-dir', directory, ...flags]);

  const first = (await token()).stdout.trim();
  assert.match(first, /^[a-z2-7]{52}$/);
  assert.equal(readFileSync(path, 'utf8'), `${first}\n`);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal((await token()).stdout.trim(), first);

  const node = new NodeProcess(directory);
  t.after(() => node.stop());
  const { up, detail } = await node.said('RPC');
  assert.ok(up, detail);
  assert.ok(!detail.includes(first));
  await node.said('ready');
  const port = Number(/^127\.0\.0\.1:(\d+), engine (native|wasm)/.exec(detail)?.[1]);
  const client = new Client(port);
  t.after(() => client.close());
  const session = await client.login(first);
  await put(session, 'over RPC', [new Uint8Array(300_000).fill(5)]);
  let bytes = 0;
  await get(session, 'over RPC', async (length) => void (bytes += length));
  assert.equal(bytes, 300_000);
  const { stdout } = await run(['list', '--data-dir', directory]);
  assert.match(stdout, /over RPC/);

  const second = (await token('--new')).stdout.trim();
  assert.notEqual(second, first);
  await assert.rejects(client.login(first), /DENIED: /);
  await status(await client.login(second));
  await status(session);
  const shown = JSON.parse((await run(['status', '--json', '--data-dir', directory])).stdout) as { addresses: { rpc: string } };
  assert.equal(shown.addresses.rpc, `127.0.0.1:${port}`);
  assert.equal(await node.stop(), 0, node.stderr);
  await client.ended;
});

test('a token file that others can read, or that holds none, is an error with its remedy', { timeout: 60_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-rpc-token-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'rpc-token');
  await run(['token', '--data-dir', directory]);
  chmodSync(path, 0o644);
  const exposed = await run(['token', '--data-dir', directory]);
  assert.match(exposed.stderr, /KEY_FILE_EXPOSED: .*chmod 600/);
  chmodSync(path, 0o600);
  writeFileSync(path, 'not a token\n');
  const wrong = await run(['token', '--data-dir', directory]);
  assert.match(wrong.stderr, /KEY_FILE_INVALID: .*token --new/);
  assert.equal((await run(['token', '--new', '--data-dir', directory])).code, 0);
});

test('half of the TLS settings is refused at the start', { timeout: 60_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-rpc-tls-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const node = new NodeProcess(directory, ['--rpc-tls-cert', join(directory, 'absent.pem')]);
  t.after(() => node.stop());
  assert.equal(await node.ended, 78);
  assert.match(node.stderr, /CONFIG_INVALID.*rpc-tls-key/);
});

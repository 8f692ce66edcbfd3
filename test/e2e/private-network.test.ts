/** A private network by the command line: init, invite, join, put and get, a stranger, a revoked member, a recovered owner. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectNode } from '../../src/control/control.ts';
import { run } from '../cli/run.ts';
import { NodeProcess } from '../node/process.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-private-'));
const running: NodeProcess[] = [];
after(async () => {
  await Promise.all(running.map((node) => node.stop('SIGKILL')));
  rmSync(directory, { recursive: true, force: true });
});
const dirOf = (name: string): string => join(directory, name);

async function start(name: string, bootstrap: readonly string[] = []): Promise<NodeProcess> {
  const node = new NodeProcess(dirOf(name), bootstrap.flatMap((address) => ['--bootstrap', address]));
  running.push(node);
  await node.said('ready');
  return node;
}

async function cli(name: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run([...args, '--data-dir', dirOf(name)]);
  assert.equal(code, 0, `${args[0]}: ${stderr}`);
  return stdout.trim();
}

async function connected(name: string, peers: number): Promise<void> {
  const api = connectNode(dirOf(name));
  for (let tries = 0; tries < 200; tries++) {
    if ((await api.status()).peers.connected >= peers) return;
    await sleep(100);
  }
  assert.fail(`${name} never met ${peers} peers`);
}

test('init, invite, join, put, get; strangers and the revoked stay outside', { timeout: 180_000 }, async () => {
  const made = JSON.parse(await cli('owner', 'init', '--json')) as { networkId: string; recoveryPhrase: string };
  assert.equal(made.recoveryPhrase.split(' ').length, 24);
  assert.equal(statSync(join(dirOf('owner'), 'owner.key')).mode & 0o077, 0);
  assert.notEqual((await run(['init', '--data-dir', dirOf('owner')])).code, 0, 'a network is made once');

  await start('owner');
  const owner = connectNode(dirOf('owner'));
  const { network, addresses } = await owner.status();
  assert.equal(network, 'private');
  const ticket = await cli('owner', 'invite', '--uses', '1', '--expires', '10m');
  const joined = JSON.parse(await cli('member', 'join', ticket, '--json')) as { networkId: string; peerId: string };
  assert.equal(joined.networkId, made.networkId);
  const second = await run(['join', ticket, '--data-dir', dirOf('late')]);
  assert.equal(second.code, 77, second.stderr);
  assert.match(second.stderr, /^pangea-node: [A-Z_]+: [^\n]+\n$/);
  const broken = await run(['join', ticket.slice(0, -3), '--data-dir', dirOf('late')]);
  assert.equal(broken.code, 65, broken.stderr);

  await start('member', addresses.dht);
  await start('stranger', addresses.dht);
  await connected('owner', 1);
  await connected('member', 1);

  const content = Buffer.from('kept among friends');
  writeFileSync(dirOf('file'), content);
  const link = await cli('owner', 'put', dirOf('file'));
  await cli('member', 'get', link, '-o', dirOf('copy'));
  assert.ok(readFileSync(dirOf('copy')).equals(content));
  const outside = await run(['get', link, '-o', dirOf('stolen'), '--data-dir', dirOf('stranger')]);
  assert.ok(outside.code === 66 || outside.code === 69, outside.stderr);
  assert.ok(!(await owner.peers()).some(({ connected: is, peer }) => is && peer !== joined.peerId), 'no stranger is a peer');

  await cli('owner', 'peers', 'revoke', joined.peerId);
  for (let tries = 0; tries < 100 && (await owner.peers()).some(({ connected: is }) => is); tries++) await sleep(100);
  await sleep(1500);
  assert.ok(!(await owner.peers()).some(({ connected: is }) => is), 'the revoked member is out, and stays out');
});

test('the recovery phrase brings the owner back', { timeout: 60_000 }, async () => {
  const made = JSON.parse(await cli('first', 'init', '--json')) as { networkId: string; recoveryPhrase: string };
  writeFileSync(dirOf('phrase'), `${made.recoveryPhrase}\n`);
  const again = JSON.parse(await cli('second', 'init', '--json', '--phrase-file', dirOf('phrase'))) as { networkId: string };
  assert.equal(again.networkId, made.networkId);
  const wrong = await run(['init', '--phrase-file', '-', '--data-dir', dirOf('third')], { input: 'abandon abandon' });
  assert.equal(wrong.code, 65, wrong.stderr);
});

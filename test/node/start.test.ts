import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectNode, isNodeRunning } from '../../src/control/control.ts';
import { errorCodes, type ErrorCode } from '../../src/errors/errors.ts';
import { loadNative } from '../../src/native/native.ts';
import { collect } from '../control/memory-node.ts';
import { run } from '../cli/run.ts';
import { NodeProcess } from './process.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-node-'));
const running: NodeProcess[] = [];
after(async () => {
  await Promise.all(running.map((node) => node.stop('SIGKILL')));
  rmSync(directory, { recursive: true, force: true });
});
let count = 0;
const fresh = (): string => join(directory, `n${++count}`);
const limits = { timeout: 120_000 };
const native = loadNative();

function start(dataDir: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): NodeProcess {
  const node = new NodeProcess(dataDir, flags, env);
  running.push(node);
  return node;
}

async function refused(node: NodeProcess, code: ErrorCode, message: RegExp): Promise<void> {
  assert.equal(await node.ended, errorCodes[code], node.stderr);
  const error = node.error();
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
}

test('one true line per part, ready last, and Ctrl-C ends with 0', limits, async () => {
  const dataDir = fresh();
  const node = start(dataDir, ['--node-id', '42']);
  await node.said('ready');
  const order = node.parts.map(({ part }) => part).filter((part) => part !== 'native addon');
  assert.deepEqual(order, ['capabilities', 'node store', 'shard store', 'firewall', 'QUIC', 'DHT', 'CES', 'HTTP', 'RPC', 'control', 'ready']);
  const detail = (part: string): string => node.parts.find((line) => line.part === part)?.detail ?? '';
  assert.match(detail('node store'), /this one is 42 \(12D3KooW/);
  assert.match(detail('firewall'), /userspace, allows 127\.0\.0\.0\/8/);
  assert.match(detail('DHT'), /^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d*\/p2p\/12D3KooW/);
  assert.match(detail('RPC'), /^127\.0\.0\.1:[1-9]\d*, engine (native|wasm)/);
  assert.match(detail('CES'), /zstd level 3 to 9/);
  assert.equal(node.parts.find(({ part }) => part === 'RPC')?.up, true);
  const status = await connectNode(dataDir).status();
  assert.deepEqual([status.nodeId, status.network, status.ready], [42, 'open', true]);
  const answer = await fetch(`http://${status.addresses.http}/readyz`);
  assert.equal(answer.status, 200);
  await answer.text();
  assert.equal(await node.stop('SIGINT'), 0);
  assert.equal(await isNodeRunning(dataDir), false);
  assert.equal(existsSync(join(dataDir, 'control.sock')), false);
});

test('a port in use: one line, its code, and nothing left', limits, async () => {
  const tcp = createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const udp = createSocket('udp4').bind(0, '127.0.0.1');
  await once(udp, 'listening');
  const taken = { dht: (tcp.address() as { port: number }).port, http: (tcp.address() as { port: number }).port, rpc: (tcp.address() as { port: number }).port, p2p: udp.address().port };
  try {
    for (const [part, port] of Object.entries(taken)) {
      if (part === 'p2p' && !native.ok) continue;
      const dataDir = fresh();
      await refused(start(dataDir, [`--${part}-addr`, `127.0.0.1:${port}`]), 'PORT_IN_USE', new RegExp(String(port)));
      assert.equal(await isNodeRunning(dataDir), false);
      const second = start(dataDir);
      await second.said('ready');
      assert.equal(await second.stop(), 0);
    }
  } finally {
    tcp.close();
    udp.close();
  }
});

test('one node a directory, and no other node\'s', limits, async () => {
  const [a, b] = [fresh(), fresh()];
  const first = start(a);
  await first.said('ready');
  await refused(start(a), 'NODE_ALREADY_RUNNING', /already running/);
  assert.equal((await connectNode(a).status()).ready, true, 'the first one is not disturbed');
  const other = start(b);
  await other.said('ready');
  assert.deepEqual([await first.stop(), await other.stop()], [0, 0]);

  const foreign = fresh();
  cpSync(b, foreign, { recursive: true });
  rmSync(join(foreign, 'store'), { recursive: true });
  cpSync(join(a, 'store'), join(foreign, 'store'), { recursive: true });
  await refused(start(foreign), 'STORE_FOREIGN', /12D3KooW/);

  renameSync(join(b, 'store'), join(b, 'gone'));
  await refused(start(b), 'STORE_MISSING', /store/);
  mkdirSync(join(b, 'store'));
  const empty = start(b);
  const code = await empty.ended;
  assert.ok(code === errorCodes.STORE_MISSING || code === errorCodes.STORE_FOREIGN, empty.stderr);
  rmSync(join(b, 'store'), { recursive: true });
  renameSync(join(b, 'gone'), join(b, 'store'));
  const back = start(b);
  await back.said('ready');
  assert.equal(await back.stop(), 0);
});

test('kill -9: what was acknowledged is there after the next start', limits, async () => {
  const dataDir = fresh();
  const first = start(dataDir);
  await first.said('ready');
  const content = new Uint8Array(300_000).fill(9);
  const { link } = await connectNode(dataDir).put((async function* () { yield content; })(), { name: 'kept' });
  await first.stop('SIGKILL');
  const second = start(dataDir);
  await second.said('ready');
  assert.deepEqual(await collect((await connectNode(dataDir).get(link)).content), content);
  assert.deepEqual(await collect((await connectNode(dataDir).get('kept')).content), content);
  assert.equal(await second.stop(), 0);
});

test('SIGHUP takes over what it can, says what needs a restart, and survives a mistake', limits, async () => {
  const dataDir = fresh();
  const file = `${dataDir}.toml`;
  writeFileSync(file, '');
  const node = start(dataDir, ['--config', file]);
  await node.said('ready');
  const reloaded = async (text: string): Promise<string> => {
    writeFileSync(file, text);
    node.parts.length = 0;
    node.child.kill('SIGHUP');
    return (await node.said('configuration')).detail;
  };
  assert.equal(await reloaded(''), 'nothing has changed');
  assert.equal(await reloaded('allow = ["127.0.0.0/8", "10.0.0.0/8"]\nquota = "1GiB"\n'), 'now in force: allow; needs a restart: quota');
  assert.match(await reloaded('alow = []\n'), /^CONFIG_UNKNOWN_KEY: .*did you mean allow\?/);
  assert.equal((await connectNode(dataDir).status()).ready, true);
  assert.equal(await node.stop(), 0);
});

test('a second Ctrl-C stops at once with 130; one that echoes does not', limits, async () => {
  const dataDir = fresh();
  const node = start(dataDir, ['--stop-deadline', '60s']);
  await node.said('ready');
  // A put that never ends holds the first one up.
  const endless = connectNode(dataDir).put((async function* () {
    for (;;) {
      yield new Uint8Array(1000);
      await sleep(50);
    }
  })(), { name: 'endless' }).catch((error: unknown) => error);
  await sleep(300);
  node.child.kill('SIGINT');
  node.child.kill('SIGINT');
  await sleep(800);
  assert.equal(node.child.exitCode, null, node.stderr);
  node.child.kill('SIGINT');
  assert.equal(await node.ended, 130);
  await endless;
});

test('a node whose parent goes away stops by itself', limits, async () => {
  const node = start(fresh());
  await node.said('ready');
  node.child.disconnect();
  assert.equal(await node.ended, 0);
});

test('an error that nobody caught: one line, the node stops, and 70', limits, async () => {
  const faults = { exception: 'throw new Error("boom")', rejection: 'void Promise.reject(new Error("boom"))' };
  for (const fault of Object.values(faults)) {
    const dataDir = fresh();
    const code = `process.on("SIGUSR2",()=>{${fault}})`;
    const node = start(dataDir, [], { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` });
    await node.said('ready');
    node.child.kill('SIGUSR2');
    assert.equal(await node.ended, errorCodes.INTERNAL, node.stderr);
    assert.deepEqual([node.error().code, node.error().message], ['INTERNAL', 'a bug ended the node: boom']);
    assert.doesNotMatch(node.stderr, /^\s+at /m, 'no bare stack');
    assert.match(node.stderr, /"level":"error".*an error that nobody caught ends the node/);
    assert.equal(existsSync(join(dataDir, 'control.sock')), false, 'it stopped in order');
  }
});

test('a private network opens to all addresses what membership guards, and nothing else', limits, async (t) => {
  const dataDir = fresh();
  assert.equal((await run(['init', '--data-dir', dataDir])).code, 0);
  const strict = start(dataDir, ['--allow', '127.0.0.0/8', '--allow', '::1/128']);
  assert.match((await strict.said('firewall')).detail, /allows 127\.0\.0\.0\/8, ::1\/128; membership/, 'a list that is given holds, also when it is the default one');
  await strict.said('ready');
  assert.equal(await strict.stop(), 0);

  const node = start(dataDir, ['--http-addr', '0.0.0.0:0']);
  assert.match((await node.said('firewall')).detail, /allows 0\.0\.0\.0\/0, ::\/0; membership is the gate/);
  await node.said('ready');
  const port = /:(\d+) /.exec((await node.said('HTTP')).detail)?.[1];
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
  const outside = Object.values(networkInterfaces()).flat().find((each) => each?.family === 'IPv4' && !each.internal)?.address;
  if (outside === undefined) t.diagnostic('no interface beyond loopback: HTTP from outside was not tried');
  else await assert.rejects(fetch(`http://${outside}:${port}/healthz`), 'HTTP knows no members');
  assert.equal(await node.stop(), 0);
});

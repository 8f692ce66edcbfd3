import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { connectNode, type LocalNode } from '../../src/control/control.ts';
import { errorCodes, type ErrorCode } from '../../src/errors/errors.ts';
import { startGun } from '../graph/wire/gun-process.ts';
import { NodeProcess } from './process.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-node-graph-'));
const running: NodeProcess[] = [];
after(async () => {
  await Promise.all(running.map((node) => node.stop('SIGKILL')));
  rmSync(directory, { recursive: true, force: true });
});
let count = 0;
const fresh = (): string => join(directory, `n${++count}`);
const limits = { timeout: 120_000 };

interface Started {
  readonly process: NodeProcess;
  readonly node: LocalNode;
  readonly dataDir: string;
  /** `ws://…/gun`. */
  readonly url: string;
}

function launch(dataDir: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): NodeProcess {
  const process = new NodeProcess(dataDir, ['--rpc', 'false', ...(flags.includes('--graph-addr') ? [] : ['--graph-addr', '127.0.0.1:0']), ...flags], env);
  running.push(process);
  return process;
}

async function start(flags: readonly string[] = [], dataDir = fresh()): Promise<Started> {
  const process = launch(dataDir, flags);
  await process.said('ready');
  const node = connectNode(dataDir);
  return { process, node, dataDir, url: (await node.graph.status()).address };
}

async function refused(process: NodeProcess, code: ErrorCode, message: RegExp): Promise<void> {
  assert.equal(await process.ended, errorCodes[code], process.stderr);
  assert.equal(process.error().code, code);
  assert.match(process.error().message, message);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 300, `${what}: not within a minute`);
    await sleep(200);
  }
}

/** The status of a WebSocket handshake: 101 when it was let in. */
async function handshake(url: string, headers: Record<string, string> = {}): Promise<number> {
  const socket = new WebSocket(url, { headers });
  return new Promise((resolve) => {
    socket.once('open', () => { socket.close(); resolve(101); });
    socket.once('unexpected-response', (_, response) => { socket.terminate(); resolve(response.statusCode ?? 0); });
    socket.on('error', () => resolve(0));
  });
}

test('without the flag there is no graph, and calls say how to have one', limits, async () => {
  const dataDir = fresh();
  const process = new NodeProcess(dataDir, ['--rpc', 'false']);
  running.push(process);
  await process.said('ready');
  const { graph } = connectNode(dataDir);
  assert.equal((await graph.status()).state, 'off');
  await assert.rejects(graph.get('x'), { code: 'NOT_SUPPORTED', message: /--graph-addr/ });
  await assert.rejects(async () => { for await (const soul of graph.souls()) assert.fail(soul); }, { code: 'NOT_SUPPORTED' });
  assert.equal(process.parts.some(({ part }) => part === 'graph'), false);
  assert.equal(await process.stop(), 0);
});

test('the graph is said, seen in status, metrics and doctor, and stops in order', limits, async () => {
  const { process, node, url } = await start();
  const line = await process.said('graph');
  assert.deepEqual([line.up, line.detail], [true, `${url}, kept in leveldb (disk), pages of loopback`]);
  const gun = await startGun({ peers: [url] });
  try {
    assert.equal((await gun.put(['page'], { title: 'hello', n: 1 }))['ok'], true);
    assert.deepEqual((await node.graph.get('page'))?.fields.map(({ key, value }) => [key, value]), [['n', 1], ['title', 'hello']]);
    const put = await node.graph.put('page', { n: 2, by: { '#': 'someone' } });
    assert.equal(put.stored, 'disk');
    await until('the client hears of it', async () => ((await gun.once(['page'])) as { n?: number } | undefined)?.n === 2);
    const status = await node.status();
    assert.equal(status.graph?.fields.accepted, 4);
    assert.deepEqual((await node.graph.peers()).map(({ direction, role, speaks, name }) => [direction, role, speaks, name]), [['accepted', 'leaf', 'gun', '127.0.0.1']]);
    const metrics = await (await fetch(`http://${status.addresses.http}/metrics`)).text();
    for (const [name, value] of [['pangea_graph_fields_accepted', 4], ['pangea_graph_leaves', 1], ['pangea_graph_peers_gun', 1], ['pangea_graph_puts_total', 1]] as const) {
      assert.match(metrics, new RegExp(`^${name} ${value}$`, 'm'));
    }
    assert.match(metrics, /^pangea_graph_store_write_seconds_count [1-9]/m);
    assert.equal((await node.doctor()).checks.find(({ check }) => check === 'graph')?.verdict, 'ok');
  } finally {
    await gun.close();
  }
  assert.equal(await process.stop('SIGINT'), 0);
});

test('kill -9 in the middle of a client\'s writes: every one that was acknowledged is there after the next start', limits, async () => {
  const { process, dataDir, url } = await start();
  const gun = await startGun({ peers: [url] });
  const acked = new Map<string, number>();
  let over = false;
  const writer = async (lane: number): Promise<void> => {
    for (let n = 0; !over; n++) {
      const answer = await gun.put([`lane${lane}`], { [`k${n}`]: n }, 1_000).catch(() => ({}));
      if ((answer as { ok?: unknown }).ok === true) acked.set(`lane${lane}/k${n}`, n);
    }
  };
  const writers = [0, 1, 2, 3].map(writer);
  await until('some writes are acknowledged', async () => acked.size > 200);
  await process.stop('SIGKILL');
  over = true;
  await gun.close();
  await Promise.all(writers);
  const second = await start([], dataDir);
  for (const [place, value] of acked) {
    const [soul, key] = place.split('/') as [string, string];
    assert.equal((await second.node.graph.get(soul, { key, waitMs: 0 }))?.fields[0]?.value, value, place);
  }
  assert.equal(await second.process.stop(), 0);
});

test('two nodes that know each other hold one graph, also after one was away', limits, async () => {
  const first = await start();
  const second = await start(['--graph-peers', first.url]);
  await until('they meet', async () => (await first.node.graph.peers()).some(({ pid }) => pid !== ''));
  assert.deepEqual((await second.node.graph.status()).relays, [{ url: first.url, state: 'open' }]);
  await first.node.graph.put('a', { from: 'first' });
  await second.node.graph.put('b', { from: 'second' });
  const same = async (): Promise<boolean> => {
    const [one, other] = await Promise.all([first.node.graph.status(), second.node.graph.status()]);
    return one.digest !== undefined && one.digest === other.digest;
  };
  await until('both have both', same);
  assert.equal((await first.node.graph.get('b', { waitMs: 0 }))?.fields[0]?.value, 'second');

  assert.equal(await first.process.stop(), 0);
  await second.node.graph.put('a', { later: true });
  await until('the loss is seen', async () => (await second.node.graph.status()).relays[0]?.state !== 'open');
  const checks = (await second.node.doctor()).checks.filter(({ check }) => check === 'graph relay');
  assert.deepEqual(checks.map(({ verdict }) => verdict), ['failed']);
  const again = await start(['--graph-addr', new URL(first.url).host], first.dataDir);
  await until('what was written meanwhile arrives', async () => (await again.node.graph.get('a', { key: 'later', waitMs: 0 })) !== undefined);
  assert.deepEqual([await again.process.stop(), await second.process.stop()], [0, 0]);
});

test('pages of others, names of others and addresses of others stay out; a reload lets them in', limits, async () => {
  const file = join(directory, 'origins.toml');
  writeFileSync(file, '');
  const { process, node, url } = await start(['--config', file]);
  const at = (headers: Record<string, string>): Promise<number> => handshake(url, headers);
  assert.deepEqual(await Promise.all([at({}), at({ Origin: 'http://localhost:3000' }), at({ Origin: 'https://evil.example' }), at({ Origin: 'null' }), at({ Host: 'evil.example' })]), [101, 101, 403, 403, 403]);
  assert.equal(await handshake(url.replace('/gun', '/')), 404);
  process.parts.length = 0;
  writeFileSync(file, 'graph-origins = ["https://chat.example"]\ngraph-hosts = ["relay.example"]\n');
  process.child.kill('SIGHUP');
  assert.equal((await process.said('configuration')).detail, 'now in force: graph-origins, graph-hosts');
  assert.deepEqual(await Promise.all([at({ Origin: 'https://chat.example', Host: 'relay.example' }), at({ Origin: 'http://localhost:3000' })]), [101, 403]);
  await node.setFirewall(['10.0.0.0/8']);
  assert.equal(await at({}), 0, 'the connection is not taken at all');
  assert.equal((await node.firewall()).counters['graph']?.denied, 1);
  assert.equal(await process.stop(), 0);
});

test('a broken rule is counted, told as a denial with its name, and nothing else happens', limits, async () => {
  const { process, node, url } = await start();
  const stop = new AbortController();
  const told = (async () => {
    for await (const event of node.follow(['firewall', 'graph'], stop.signal)) if (event.kind === 'firewall' && event.rule !== undefined) return event;
    return undefined;
  })();
  await until('somebody listens', async () => /^pangea_node_event_listeners 1$/m.test(await node.metrics()));
  const socket = new WebSocket(url);
  await once(socket, 'open');
  socket.send('{"put":{"x":{"_":{"#":"y",">":{}}}},"#":"1"}');
  const event = await told;
  assert.deepEqual([event?.kind === 'firewall' && [event.listener, event.address, event.rule, event.count]], [['graph', '127.0.0.1', 'structure', 1]]);
  stop.abort();
  assert.deepEqual((await node.graph.status()).violations, { structure: 1 });
  assert.match(await node.metrics(), /^pangea_graph_violations_total\{rule="structure"\} 1$/m);
  assert.equal((await node.graph.status()).fields.accepted, 0);
  socket.terminate();
  assert.equal(await process.stop(), 0);
});

test('events say who comes and goes and how much is written, not what', limits, async () => {
  const { process, node, url } = await start();
  const stop = new AbortController();
  const told: { change: string; peer: string; fields: number; peers: number }[] = [];
  const following = (async () => {
    for await (const event of node.follow(['graph'], stop.signal)) {
      if (event.kind === 'graph') told.push({ change: event.change, peer: event.peer, fields: event.fields, peers: event.peers });
    }
  })().catch(() => undefined);
  await until('somebody listens', async () => /^pangea_node_event_listeners 1$/m.test(await node.metrics()));
  const gun = await startGun({ peers: [url] });
  await gun.put(['secret'], { password: 'hidden', other: 1 });
  await until('the write is told', async () => told.some(({ change }) => change === 'written'));
  await gun.close();
  await until('the end is told', async () => told.some(({ change }) => change === 'disconnected'));
  stop.abort();
  await following;
  assert.deepEqual(told.toSorted((a, b) => (a.change < b.change ? -1 : 1)), [
    { change: 'connected', peer: '127.0.0.1', fields: 0, peers: 1 }, { change: 'disconnected', peer: '127.0.0.1', fields: 0, peers: 0 },
    { change: 'written', peer: '', fields: 2, peers: 1 },
  ]);
  assert.equal(await process.stop(), 0);
});

test('a memory graph says so; relays come and go with a reload', limits, async () => {
  const file = join(directory, 'relays.toml');
  writeFileSync(file, '');
  const other = await start();
  const { process, node } = await start(['--graph-store', 'memory', '--config', file]);
  assert.match((await process.said('graph')).detail, /kept in memory alone/);
  assert.equal((await node.graph.put('x', { a: 1 })).stored, 'memory');
  const relays = async (text: string): Promise<readonly string[]> => {
    process.parts.length = 0;
    writeFileSync(file, text);
    process.child.kill('SIGHUP');
    await process.said('configuration');
    return (await node.graph.status()).relays.map(({ url }) => url);
  };
  assert.deepEqual(await relays(`graph-peers = ["${other.url}"]\n`), [other.url]);
  await until('the other hears of it', async () => (await other.node.graph.get('x', { waitMs: 0 })) !== undefined);
  assert.deepEqual(await relays(''), []);
  await until('it is left', async () => (await other.node.graph.peers()).length === 0);
  assert.deepEqual([await process.stop(), await other.process.stop()], [0, 0]);
});

test('values beyond a size become objects of the shard store, come back whole after a restart, and go when nothing names them', limits, async () => {
  const { process, node, dataDir } = await start(['--graph-large-value', '4KiB']);
  const value = 'ä'.repeat(100_000);
  await node.graph.put('letter', { text: value, short: 'x'.repeat(1000) });
  const objects = async (of: LocalNode): Promise<number> => {
    let found = 0;
    for await (const { name } of of.list()) if (name === 'graph/large-value') found += 1;
    return found;
  };
  assert.equal(await objects(node), 1);
  assert.equal(await process.stop(), 0);
  const second = await start(['--graph-large-value', '4KiB'], dataDir);
  assert.match((await second.process.said('graph')).detail, /leveldb\+objects/);
  assert.equal((await second.node.graph.get('letter', { key: 'text', waitMs: 0 }))?.fields[0]?.value, value);
  await second.node.graph.put('letter', { text: null });
  await until('the object is removed', async () => (await objects(second.node)) === 0);
  assert.equal(await second.process.stop(), 0);
});

test('what is wrong with the configuration ends the start with its code, and leaves nothing', limits, async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await refused(launch(fresh(), ['--graph-addr', `127.0.0.1:${port}`]), 'PORT_IN_USE', /graph: port/);
  taken.close();
  await refused(launch(fresh(), ['--graph-peers', 'ws://user:secret@relay.example/gun']), 'CONFIG_INVALID', /without user and password/);
  await refused(launch(fresh(), ['--graph-store', 's3://bucket'], { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: '' }), 'CONFIG_INVALID', /has no AWS_SECRET_ACCESS_KEY/);
  await refused(launch(fresh(), ['--graph-addr', 'nowhere']), 'CONFIG_INVALID', /graph-addr = "nowhere"/);

  const { process, node, dataDir } = await start();
  await node.graph.put('kept', { a: 1 });
  assert.equal(await process.stop(), 0);
  renameSync(join(dataDir, 'graph'), join(dataDir, 'elsewhere'));
  await refused(launch(dataDir), 'STORE_MISSING', /the graph of this node/);
  renameSync(join(dataDir, 'elsewhere'), join(dataDir, 'graph'));
  const back = await start([], dataDir);
  assert.equal((await back.node.graph.get('kept', { waitMs: 0 }))?.fields[0]?.value, 1);
  assert.equal(await back.process.stop(), 0);
});

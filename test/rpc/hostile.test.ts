/** Clients that do what they should not, or nothing at all. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { limits } from '../../src/rpc/limits.ts';
import { Client, get, put, status } from './client.ts';
import { assail, recorded } from './mutations.ts';
import { engines, serve, token, until } from './serving.ts';

const mebibyte = 1024 * 1024;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

for (const engine of engines) {
  test(`a client that never reads costs a bounded memory, and the others go on (${engine})`, { timeout: 60_000 }, async (t) => {
    const { api, server } = await serve(t, { engine });
    const content = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(16 * mebibyte).fill(1);
    };
    const { root } = await api.put(content(), { name: 'large' });
    const silent = [0, 1].map(() => new Client(server.port, { reads: false }));
    t.after(() => silent.forEach((client) => client.close()));
    for (const client of silent) for (let count = 0; count < 100; count++) client.download(root).catch(() => undefined);
    const other = new Client(server.port);
    t.after(() => other.close());
    let most = 0;
    for (let round = 0; round < 20; round++) {
      await other.nodes();
      most = Math.max(most, server.counts().memoryBytes);
      await sleep(100);
    }
    t.diagnostic(`at most ${Math.round(most / mebibyte)} MiB for two clients that asked for 1.6 GiB each`);
    assert.ok(most > 0 && most < 2 * (limits.connectionMemoryBytes / 4 + limits.unreadBytes), `${most} bytes`);
    assert.ok(process.memoryUsage.rss() < 2048 * mebibyte);
    silent.forEach((client) => client.close());
    await until('the silent ones are gone', () => server.counts().connections === 1);
    await until('their memory is given back', () => server.counts().memoryBytes < mebibyte);
  });

  test(`500 idle connections, and one that works (${engine})`, { timeout: 60_000 }, async (t) => {
    const { server } = await serve(t, { engine });
    const before = process.memoryUsage.rss();
    const { sent } = await recorded(server.port);
    const idle: Socket[] = [];
    t.after(() => idle.forEach((socket) => socket.destroy()));
    let answered = 0;
    for (let count = 0; count < 500; count++) {
      const socket = connect({ port: server.port, host: '127.0.0.1' });
      idle.push(socket);
      socket.once('data', () => (answered += 1));
      socket.write(sent[0] as Uint8Array);
      // A backlog has its end.
      if (count % 100 === 99) await until('the connections stand', () => server.counts().connections >= idle.length);
    }
    await until('all were answered', () => answered === 500);
    const worker = new Client(server.port);
    t.after(() => worker.close());
    const { callMs } = await worked(worker, 200);
    t.diagnostic(`${Math.round((process.memoryUsage.rss() - before) / mebibyte)} MiB for 500, then ${callMs.toFixed(2)} ms a call`);
    assert.equal(server.counts().connections, 501);
    idle.forEach((socket) => socket.destroy());
    await until('they are gone', () => server.counts().connections === 1);
  });

  test(`mutated sessions end their connection at most (${engine})`, { timeout: 120_000 }, async (t) => {
    const { api, server, log } = await serve(t, { engine });
    const { slowestMs } = await assail(server.port, { sessions: 300, seed: 20_261_121 });
    t.diagnostic(`the slowest call of a client beside them took ${slowestMs.toFixed(1)} ms`);
    await until('they are gone', () => server.counts().connections === 0);
    assert.deepEqual(log.filter((line) => line.includes('"level":"error"')), []);
    await until('their memory is given back', () => server.counts().memoryBytes < mebibyte);
    await until('nothing of theirs goes on', () => api.listening === 0 && api.mixed.waiting === 0);
  });
}

test('who is not let in hears nothing, and an address has only so many connections', { timeout: 30_000 }, async (t) => {
  let admits = true;
  const asked: string[] = [];
  const { server, metrics } = await serve(t, { admit: (address) => (asked.push(address), admits) });
  const first = new Client(server.port);
  t.after(() => first.close());
  await first.about();
  admits = false;
  await new Client(server.port).ended;
  assert.deepEqual(asked, ['127.0.0.1', '127.0.0.1']);
  await first.about();
  await server.close(500);
  assert.match(await metrics(), /pangea_rpc_refusals_total\{reason="firewall"\} 1/);
});

test('wrong tokens wait longer each time, a right one never, and the log names no token', { timeout: 30_000 }, async (t) => {
  const { server, log, metrics } = await serve(t);
  const client = new Client(server.port);
  t.after(() => client.close());
  const startedMs = performance.now();
  for (const wrong of ['', 'guess', `${token} `]) await assert.rejects(client.login(wrong), /DENIED: /);
  assert.ok(performance.now() - startedMs > limits.loginDelayMs * (1 + 2 + 4) - 50);
  await status(await client.login(token));
  // Who does not wait for the answer is no bug of the node's.
  client.login('hasty').catch(() => undefined);
  const told = (): number => log.filter((line) => line.includes('wrong token')).length;
  await until('it is refused', () => told() === 3);
  // Whoever guesses on without waiting does not fill the log.
  for (let guess = 0; guess < 255; guess++) client.login('hasty').catch(() => undefined);
  await client.about();
  await until('they are logged', () => log.some((line) => line.includes('"failures":256')));
  client.close();
  await until('it is gone', () => server.counts().connections === 0);
  assert.ok(told() < 16, `${told()} lines`);
  assert.ok(!log.join('').includes('guess') && !log.join('').includes(token));
  await server.close(500);
  assert.deepEqual(log.filter((line) => line.includes('"level":"error"')), []);
  assert.match(await metrics(), /pangea_rpc_refusals_total\{reason="token"\} 259/);
});

test('without a token everybody logs in', { timeout: 30_000 }, async (t) => {
  const { server } = await serve(t, { token: undefined });
  const client = new Client(server.port);
  t.after(() => client.close());
  await status(await client.login(''));
});

test('a token that is looked up is the one of now', { timeout: 30_000 }, async (t) => {
  let now = 'first';
  const { server } = await serve(t, { token: async () => now });
  const client = new Client(server.port);
  t.after(() => client.close());
  const session = await client.login('first');
  now = 'second';
  await assert.rejects(client.login('first'), /DENIED: /);
  await status(await client.login('second'));
  await status(session);
});

test('a server that closes finishes what is under way, and begins nothing new', { timeout: 30_000 }, async (t) => {
  const { server } = await serve(t);
  const client = new Client(server.port);
  t.after(() => client.close());
  const session = await client.login(token);
  await put(session, 'large', Array.from({ length: 24 }, () => new Uint8Array(mebibyte)));
  let bytes = 0;
  let isRefused = false;
  let closed: Promise<void> | undefined;
  const waiting = client.nextUpdate();
  waiting.catch(() => undefined);
  const got = get(session, 'large', async (length) => {
    bytes += length;
    await sleep(10);
    if (closed !== undefined) return;
    closed = server.close(10_000);
    await sleep(50);
    await assert.rejects(status(session), /NODE_STOPPING: /);
    isRefused = true;
  });
  await got;
  assert.equal(bytes, 24 * mebibyte);
  assert.ok(isRefused);
  await closed;
  await client.ended;
  await assert.rejects(waiting);
  await new Client(server.port).ended;
});

test('a server that closes does not wait for who hangs on beyond the deadline', { timeout: 30_000 }, async (t) => {
  const { server } = await serve(t);
  const client = new Client(server.port);
  t.after(() => client.close());
  const session = await client.login(token);
  await put(session, 'large', Array.from({ length: 24 }, () => new Uint8Array(mebibyte)));
  const hanging = get(session, 'large', () => new Promise(() => undefined));
  hanging.catch(() => undefined);
  await status(session);
  await server.close(300);
  await client.ended;
});

test('a thread that crashed is started again on its port, and says so', { timeout: 30_000 }, async (t) => {
  let thread: Worker | undefined;
  const note = (worker: Worker): void => void (thread = worker);
  process.once('worker', note);
  t.after(() => process.off('worker', note));
  const { api, server, log } = await serve(t);
  const before = new Client(server.port);
  const session = await before.login(token);
  await put(session, 'kept', [new Uint8Array(10)]);
  assert.equal(server.isUp, true);
  await thread?.terminate();
  await before.ended;
  await until('it is noticed', () => !server.isUp || log.some((line) => line.includes('started again')));
  await until('it is up again', () => server.isUp);
  const after = new Client(server.port);
  t.after(() => after.close());
  await status(await after.login(token));
  assert.ok(log.some((line) => line.includes('"level":"error"') && line.includes('started again')));
  assert.equal(api.listening, 0);
});

test('a port that is taken is an error', { timeout: 30_000 }, async (t) => {
  const { server } = await serve(t);
  await assert.rejects(serve(t, { listen: { host: '127.0.0.1', port: server.port } }), { code: 'PORT_IN_USE' });
});

async function worked(client: Client, calls: number): Promise<{ callMs: number }> {
  const startedMs = performance.now();
  for (let count = 0; count < calls; count++) await client.about();
  return { callMs: (performance.now() - startedMs) / calls };
}

test('closed while it starts again after a crash, no thread stays', { timeout: 30_000 }, async (t) => {
  const threads: Worker[] = [];
  const note = (worker: Worker): void => void threads.push(worker);
  process.on('worker', note);
  t.after(() => process.off('worker', note));
  const { server } = await serve(t);
  await until('the first thread', () => threads.length === 1);
  await threads[0]?.terminate();
  await until('the next thread', () => threads.length === 2);
  t.after(() => threads[1]?.terminate());
  assert.equal(server.isUp, false);
  await server.close(500);
  assert.equal(threads[1]?.threadId, -1, 'the thread has ended');
});

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../src/std/std.ts';
import type { NodeStatus } from '../../src/api/api.ts';
import { hostAllowed, originAllowed } from '../../src/http/host-check.ts';
import { openHttpServer, type HttpServerOptions } from '../../src/http/http.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/telemetry.ts';

const status: NodeStatus = {
  version: '0.1.0', nodeId: 7, peerId: '12D3KooW', network: 'open', startedMs: 1, ready: true, parts: [],
  peers: { known: 1, connected: 1 }, store: { liveBytes: 1, garbageBytes: 0, freeBytes: 2, records: 3 },
  objects: { held: 0, catalogue: 0, underRepair: 0 }, addresses: { quic: [], dht: [], http: '', rpc: '' }, reachability: 'unknown', memoryBytes: 1,
};

async function open(options: Partial<HttpServerOptions> = {}) {
  const metrics = createMetrics({ defaults: false });
  metrics.counter('pangea_test_total', 'test').add(3);
  const server = await openHttpServer({
    listen: { host: '127.0.0.1', port: 0 }, metrics, status: async () => status, ready: () => true, admit: () => true,
    clock: systemClock, logger: silentLogger, ...options,
  });
  const { port } = server;
  const ask = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
    new Promise<{ code: number; body: string; type: string }>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ code: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), type: response.headers['content-type'] ?? '' }));
      });
      sent.on('error', reject);
      sent.end();
    });
  return { server, port, ask };
}

test('the four pages, and nothing else', { timeout: 20_000 }, async () => {
  let ready = false;
  const { server, ask } = await open({ ready: () => ready });
  try {
    const metrics = await ask('/metrics?x=1');
    assert.equal(metrics.code, 200);
    assert.match(metrics.body, /pangea_test_total 3\n/);
    assert.match(metrics.type, /text\/plain; version=0.0.4/);
    assert.deepEqual([(await ask('/healthz')).code, (await ask('/readyz')).code], [200, 503]);
    ready = true;
    assert.equal((await ask('/readyz')).code, 200);
    const page = await ask('/status');
    assert.deepEqual(JSON.parse(page.body), status);
    assert.match(page.type, /application\/json/);
    assert.equal((await ask('/')).code, 404);
    assert.equal((await ask('/../etc/passwd')).code, 404);
    assert.equal((await ask('/metrics', 'POST')).code, 405);
    const head = await ask('/healthz', 'HEAD');
    assert.deepEqual([head.code, head.body], [200, '']);
  } finally {
    await server.close();
  }
});

test('a page of another site gets nothing', { timeout: 20_000 }, async () => {
  const { server, port, ask } = await open();
  try {
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example']) {
      assert.equal((await ask('/status', 'GET', { host })).code, 403, host);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      assert.equal((await ask('/status', 'GET', { host })).code, 200, host);
    }
    assert.equal((await ask('/status', 'GET', { origin: 'https://evil.example' })).code, 403);
    assert.equal((await ask('/status', 'GET', { origin: 'null' })).code, 403);
    assert.equal((await ask('/status', 'GET', { origin: `http://127.0.0.1:${port}` })).code, 200);
  } finally {
    await server.close();
  }
});

test('who the firewall denies gets no byte', { timeout: 20_000 }, async () => {
  const seen: string[] = [];
  const { server, ask } = await open({ admit: (address) => seen.push(address) < 0 });
  try {
    await assert.rejects(ask('/healthz'));
    assert.match(seen[0] ?? '', /127\.0\.0\.1$/);
  } finally {
    await server.close();
  }
});

test('a taken port is PORT_IN_USE, an address of another machine ADDRESS_INVALID', { timeout: 20_000 }, async () => {
  const { server } = await open();
  try {
    await assert.rejects(open({ listen: { host: '127.0.0.1', port: server.port } }), { code: 'PORT_IN_USE' });
    await assert.rejects(open({ listen: { host: '192.0.2.1', port: 0 } }), { code: 'ADDRESS_INVALID' });
  } finally {
    await server.close();
  }
  const again = await open({ listen: { host: '127.0.0.1', port: server.port } });
  await again.server.close();
});

test('a failing page is a 500 and the server lives on', { timeout: 20_000 }, async () => {
  const { server, ask } = await open({ status: () => Promise.reject(new Error('secret detail')) });
  try {
    const failed = await ask('/status');
    assert.equal(failed.code, 500);
    assert.ok(!failed.body.includes('secret'));
    assert.equal((await ask('/healthz')).code, 200);
  } finally {
    await server.close();
  }
});

test('closing waits for a request under way, but not beyond the deadline', { timeout: 20_000 }, async () => {
  let release: () => void = () => undefined;
  const slow = await open({ status: () => new Promise((resolve) => (release = () => resolve(status))) });
  const asked = slow.ask('/status');
  await systemClock.sleep(50);
  const closed = slow.server.close(10_000);
  release();
  assert.equal((await asked).code, 200);
  await closed;

  const stuck = await open({ status: () => new Promise(() => undefined) });
  const never = assert.rejects(stuck.ask('/status'));
  const idle = connect(stuck.port, '127.0.0.1');
  idle.on('error', () => undefined);
  await systemClock.sleep(50);
  const started = performance.now();
  await stuck.server.close(100);
  await stuck.server.close(100);
  assert.ok(performance.now() - started < 5000);
  await never;
  idle.destroy();
});

test('bytes that are no HTTP end the connection only', { timeout: 20_000 }, async () => {
  const { server, port, ask } = await open();
  try {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(`\x16\x03\x01${'x'.repeat(20_000)}\r\n\r\n`));
      socket.resume();
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
    assert.equal((await ask('/healthz')).code, 200);
  } finally {
    await server.close();
  }
});

test('header checks take any text', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (host, origin) => {
      hostAllowed(host, 'node.example');
      assert.equal(originAllowed(origin, host), origin.toLowerCase() === `http://${host.toLowerCase()}`);
    }),
    { seed: 9, numRuns: 300 },
  );
  assert.ok(hostAllowed('Node.Example:9092', 'node.example'));
  assert.ok(!hostAllowed('node.example.evil:9092', 'node.example'));
  assert.ok(!hostAllowed(undefined, 'node.example'));
});

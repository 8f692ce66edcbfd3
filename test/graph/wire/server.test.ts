import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { attachGraph, type GraphServerOptions, openGraphServer } from '../../../src/graph/wire/server.ts';
import { systemClock } from '../../../src/std/std.ts';
import { isPangeaError } from '../../../src/errors/errors.ts';
import { plainPeer, type PlainPeer } from '../dam/plain-peer.ts';
import { until } from './our-node.ts';

async function serve(t: TestContext, options: Partial<GraphServerOptions> = {}): Promise<PlainPeer & { port: number }> {
  const peer = plainPeer();
  const server = await openGraphServer({ host: '127.0.0.1', port: 0, mesh: peer.mesh, clock: systemClock, ...options });
  t.after(async () => {
    await server.close();
    await peer.close();
  });
  return { ...peer, port: server.address.port };
}

/** `open`, or the HTTP status for which the door stayed shut, or the error. */
function knock(port: number, { path = '/gun', headers = {} }: { path?: string; headers?: Record<string, string> } = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    socket.on('open', () => {
      socket.terminate();
      resolve('open');
    });
    socket.on('unexpected-response', (_request, response) => {
      response.resume();
      resolve(String(response.statusCode));
    });
    socket.on('error', (error) => resolve(error.message));
  });
}

function dial(port: number): Promise<{ socket: WebSocket; heard: string[]; closed: Promise<number> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/gun`);
  const heard: string[] = [];
  socket.on('message', (data) => heard.push(String(data)));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ socket, heard, closed }));
    socket.on('error', reject);
  });
}

test('only the path of gun.js is served, with or without a query', async (t) => {
  const { port } = await serve(t);
  assert.deepEqual(await Promise.all([knock(port), knock(port, { path: '/gun?room=1' }), knock(port, { path: '/' }), knock(port, { path: '/gunn' })]), ['open', 'open', '404', '404']);
  const status = (path: string): Promise<number | undefined> => new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', path }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject).end();
  });
  assert.deepEqual([await status('/gun'), await status('/gun.js')], [426, 404]);
});

test('addresses, hosts and origins are turned away where they are not wanted', async (t) => {
  const { port } = await serve(t, {
    allowHost: (host) => host !== 'evil.example', allowOrigin: (origin) => origin === undefined || origin === 'http://good.example',
  });
  assert.equal(await knock(port, { headers: { Host: 'evil.example' } }), '403');
  assert.equal(await knock(port, { headers: { Origin: 'http://evil.example' } }), '403');
  assert.equal(await knock(port, { headers: { Origin: 'http://good.example' } }), 'open');
  const shut = await serve(t, { admit: () => false });
  assert.notEqual(await knock(shut.port), 'open');
});

test('frames are text, whatever ws makes of them; binary ones are nothing', async (t) => {
  const { port, mesh, value } = await serve(t);
  const { socket, heard } = await dial(port);
  const put = (id: string, at: number): string => JSON.stringify({ '#': id, put: { n: { _: { '#': 'n', '>': { v: at } }, v: at } } });
  socket.send(Buffer.from(put('binary', 2)));
  socket.send(put('text', 1), { binary: false });
  await until('an answer', () => heard.some((frame) => frame.includes('"@":"text"')));
  assert.equal(value('n', 'v'), 1);
  assert.equal(mesh.stats().messagesIn, 1);
  socket.send(put('in pieces', 3).slice(0, 20), { fin: false });
  socket.send(put('in pieces', 3).slice(20), { fin: true });
  await until('an answer', () => heard.some((frame) => frame.includes('"@":"in pieces"')));
  socket.terminate();
});

test('a frame beyond the limit ends its connection, not the server', async (t) => {
  const { port, mesh } = await serve(t, { maxPayload: 1000 });
  const { socket, closed } = await dial(port);
  socket.send('x'.repeat(2000));
  assert.equal(await closed, 1009);
  await until('gone', () => mesh.peers().length === 0);
  assert.equal(await knock(port), 'open');
});

test('sockets that speak no HTTP, or half of it, leave nothing behind', async (t) => {
  const { port, mesh } = await serve(t);
  for (const text of ['hello\r\n\r\n', 'GET /gun HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n', 'GET /gun HTTP/1.1\r\n']) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(text);
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
  }
  assert.equal(mesh.peers().length, 0);
  assert.equal(await knock(port), 'open');
});

test('a reader that stops is cut off and the others go on', async (t) => {
  const peer = plainPeer({ limits: { backlogBytes: 100_000, heldChars: 200_000 } });
  const server = await openGraphServer({ host: '127.0.0.1', port: 0, mesh: peer.mesh, clock: systemClock });
  t.after(async () => {
    await server.close();
    await peer.close();
  });
  const [deaf, good] = [await dial(server.address.port), await dial(server.address.port)];
  for (const [at, { socket }] of [deaf, good].entries()) socket.send(JSON.stringify({ dam: '?', pid: `p${at}`, '#': `q${at}` }));
  await until('both are known', () => peer.peers.length === 2);
  deaf.socket.pause();
  for (let at = 0; peer.mesh.peers().length === 2 && at < 10_000; at++) {
    peer.write(`n${at}`, { text: 'x'.repeat(10_000) });
    if (at % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until('the deaf one is gone', () => peer.mesh.peers().length === 1);
  assert.deepEqual(peer.mesh.peers().map(({ pid }) => pid), ['p1']);
  assert.ok(peer.violations.includes('backlog'));
  for (const { socket } of [deaf, good]) socket.terminate();
});

test('it lives on a server of somebody else too, and leaves other paths alone', async (t) => {
  const peer = plainPeer();
  const http = createServer((_request, response) => response.end('theirs'));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  http.on('upgrade', (request_, socket) => {
    if (request_.url === '/chat') socket.end('HTTP/1.1 418 Theirs\r\n\r\n');
  });
  const graph = attachGraph(http, { mesh: peer.mesh, clock: systemClock });
  t.after(async () => {
    await graph.close();
    await new Promise((resolve) => http.close(resolve));
    await peer.close();
  });
  const { port } = http.address() as { port: number };
  assert.deepEqual([await knock(port), await knock(port, { path: '/chat' })], ['open', '418']);
});

test('a port that is taken, or an address that is none, is said so', async (t) => {
  const { port, mesh } = await serve(t);
  const again = (host: string, at: number): Promise<unknown> => openGraphServer({ host, port: at, mesh, clock: systemClock });
  await assert.rejects(again('127.0.0.1', port), (error) => isPangeaError(error, 'PORT_IN_USE'));
  await assert.rejects(again('192.0.2.1', 0), (error) => isPangeaError(error, 'ADDRESS_INVALID'));
});

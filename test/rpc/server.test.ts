/** The whole surface, with clients in Python: what they are to find, and what they cannot do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engines, noPython, program, serve, until } from './serving.ts';

const skip = noPython;

for (const engine of engines) {
  test(`every method of a session, rights, narrowing, revoking, expiry (${engine})`, { skip, timeout: 90_000 }, async (t) => {
    const { api, server, log, metrics } = await serve(t, { engine });
    assert.equal(server.engine, engine);
    await program(t, 'session_calls.py', { port: server.port });
    await until('the connection is gone', () => server.counts().connections === 0);
    await until('nothing listens to events', () => api.listening === 0);
    assert.ok(server.counts().calls > 60);
    assert.deepEqual(log.filter((line) => line.includes('"level":"error"')), []);
    assert.ok(!log.join('').includes('a token of the tests') && !log.join('').includes('pangea:1:'));
    await server.close(1000);
    const text = await metrics();
    assert.match(text, /pangea_rpc_calls_total\{method="Session\.put"\} \d+/);
    assert.match(text, /pangea_rpc_exceptions_total\{code="DENIED"\} \d+/);
    assert.match(text, /pangea_rpc_received_bytes_total \d{7,}/);
  });

  test(`1, 16 and 64 MiB, and 64 calls in flight (${engine})`, { skip, timeout: 120_000 }, async (t) => {
    const { server, log } = await serve(t, { engine });
    await program(t, 'large_data.py', { port: server.port, seconds: 100 });
    assert.deepEqual(log.filter((line) => line.includes('"level":"error"')), []);
  });

  test(`a client of the existing network, unchanged (${engine})`, { skip, timeout: 90_000 }, async (t) => {
    const { server, neighbour, log } = await serve(t, { engine });
    const heard: string[] = [];
    neighbour.subscribe(['message'], (event) => heard.push(event.kind === 'message' ? Buffer.from(event.data).toString() : ''));
    await program(t, 'old_client.py', { port: server.port });
    assert.deepEqual(heard, ['hello']);
    assert.deepEqual(log.filter((line) => line.includes('"level":"error"')), []);
  });

  test(`what a client gives up, or leaves behind, ends on the node (${engine})`, { skip, timeout: 90_000 }, async (t) => {
    const { api, server, log } = await serve(t, { engine });
    await program(t, 'leaving.py', { port: server.port });
    await until('the connection is gone', () => server.counts().connections === 0);
    await until('nothing listens to events', () => api.listening === 0);
    await until('no wait is left', () => api.mixed.waiting === 0);
    assert.equal(server.counts().memoryBytes, 0);
    const names: string[] = [];
    for await (const { name } of api.list()) names.push(name);
    assert.deepEqual(names, ['large', 'there is room again']);
    assert.deepEqual(log.filter((line) => line.includes('"level":"error"')), []);
  });
}

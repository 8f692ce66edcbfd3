import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { noPython, program, serve, until } from './serving.ts';

const skip = noPython || (spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed');

/** Two authorities that have nothing to do with each other, each with a certificate for somebody. */
function authorities(t: TestContext): { path: (name: string) => string; text: (name: string) => string } {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-rpc-tls-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore', cwd: directory });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['ours', 'theirs']) {
    openssl('req', '-x509', ...curve, '-keyout', `${name}.key`, '-out', `${name}.ca`, '-subj', `/CN=${name}`, '-days', '2');
    openssl('req', ...curve, '-keyout', `${name}-leaf.key`, '-out', 'leaf.csr', '-subj', '/CN=localhost');
    openssl('x509', '-req', '-in', 'leaf.csr', '-CA', `${name}.ca`, '-CAkey', `${name}.key`, '-CAcreateserial', '-out', `${name}-leaf.crt`, '-days', '2');
  }
  return { path, text: (name) => readFileSync(path(name), 'utf8') };
}

test('TLS 1.3 with the certificate of the server alone', { skip, timeout: 60_000 }, async (t) => {
  const { path, text } = authorities(t);
  const { server, metrics } = await serve(t, { tls: { certificate: text('ours-leaf.crt'), key: text('ours-leaf.key') } });
  assert.deepEqual(await program(t, 'tls_call.py', { port: server.port, ca: path('ours.ca') }), { nodeId: 7 });
  assert.ok('refused' in (await program(t, 'tls_call.py', { port: server.port, ca: path('theirs.ca') })));
  assert.ok('refused' in (await program(t, 'tls_call.py', { port: server.port, ca: path('ours.ca'), version: '1.2' })));

  // Who speaks no TLS at all is refused, and harms nobody.
  const plain = connect({ port: server.port, host: '127.0.0.1' });
  plain.on('error', () => undefined).write(Buffer.alloc(64, 1));
  await new Promise((resolve) => plain.once('close', resolve));
  assert.deepEqual(await program(t, 'tls_call.py', { port: server.port, ca: path('ours.ca') }), { nodeId: 7 });
  await until('the connections are gone', () => server.counts().connections === 0);
  await server.close(500);
  assert.match(await metrics(), /pangea_rpc_refusals_total\{reason="tls"\} [23]/);
});

test('only clients with a certificate of the authority', { skip, timeout: 60_000 }, async (t) => {
  const { path, text } = authorities(t);
  const { server, log } = await serve(t, { tls: { certificate: text('ours-leaf.crt'), key: text('ours-leaf.key'), clientCa: text('ours.ca') } });
  const as = (name?: string) => program(t, 'tls_call.py', {
    port: server.port, ca: path('ours.ca'), seconds: 20, ...(name === undefined ? {} : { certificate: path(`${name}-leaf.crt`), key: path(`${name}-leaf.key`) }),
  });
  assert.deepEqual(await as('ours'), { nodeId: 7 });
  assert.ok('refused' in (await as('theirs')));
  assert.ok('refused' in (await as()));
  assert.ok(!log.join('').includes('PRIVATE KEY'));
  await until('the connections are gone', () => server.counts().connections === 0);
});

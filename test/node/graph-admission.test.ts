import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig, type NodeConfig } from '../../src/config/config.ts';
import { hostAllowed, originAllowed } from '../../src/node/graph-admission.ts';
import { bucketKeys } from '../../src/node/graph-credentials.ts';

const directory = mkdtempSync(join(tmpdir(), 'pangea-graph-admission-'));
after(() => rmSync(directory, { recursive: true }));
const config = (flags: Record<string, unknown> = {}): NodeConfig => loadConfig({ flags: { 'data-dir': directory, 'graph-addr': '127.0.0.1:8765', ...flags } }).config;

test('pages: those of this machine by default, else those that are named; programs say no origin', () => {
  const local = config();
  for (const origin of [undefined, 'http://localhost', 'http://localhost:3000', 'https://127.0.0.1:8443', 'http://[::1]:1', 'http://app.localhost:5173', 'HTTP://LOCALHOST']) {
    assert.equal(originAllowed(origin, local), true, origin);
  }
  for (const origin of ['', 'null', 'http://localhost.example', 'http://example.com', 'http://127.0.0.1.example', 'file://', 'http://localhost:3000/', 'ws://localhost', 'http://evil@localhost', 'http://192.0.2.1']) {
    assert.equal(originAllowed(origin, local), false, origin);
  }
  const named = config({ 'graph-origins': ['https://chat.example', 'null'] });
  assert.deepEqual(['https://chat.example', 'null', 'http://localhost', 'https://chat.example:444'].map((origin) => originAllowed(origin, named)), [true, true, false, false]);
  assert.equal(originAllowed('http://anything.example', config({ 'graph-origins': ['*'] })), true);
});

test('a name in Host that is not this machine\'s is one that a page brought along', () => {
  const local = config();
  for (const host of ['localhost', 'localhost:8765', '127.0.0.1:8765', '[::1]:8765', '192.0.2.7']) assert.equal(hostAllowed(host, local), true, host);
  for (const host of [undefined, '', 'evil.example:8765', 'localhost.evil.example', 'localhost:x', 'a b', '[::1']) assert.equal(hostAllowed(host, local), false, host);
  assert.equal(hostAllowed('Relay.example', config({ 'graph-hosts': ['relay.example'] })), true);
  assert.equal(hostAllowed('relay.example:1', config({ 'graph-addr': 'relay.example:1' })), true);
  assert.equal(hostAllowed('evil.example', config({ 'graph-origins': ['*'] })), true, 'where all pages may come, no name is foreign');
});

test('keys of a bucket: from the environment or a file, and their absence is told without them', async () => {
  const environment = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: '' };
  assert.deepEqual(await bucketKeys(undefined, environment), { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined });
  const file = join(directory, 'keys');
  writeFileSync(file, '[default]\naws_access_key_id = from-file\naws_secret_access_key=hidden\n\n[other]\naws_secret_access_key = another\n');
  assert.deepEqual(await bucketKeys(file, environment), { accessKeyId: 'from-file', secretAccessKey: 'hidden', sessionToken: undefined });
  writeFileSync(file, 'aws_secret_access_key = hidden\n');
  await assert.rejects(bucketKeys(file, environment), (error: Error) => /has no aws_access_key_id/.test(error.message) && !error.message.includes('hidden'));
  await assert.rejects(bucketKeys(undefined, { AWS_ACCESS_KEY_ID: 'id' }), { code: 'CONFIG_INVALID', message: /AWS_SECRET_ACCESS_KEY/ });
  await assert.rejects(bucketKeys(join(directory, 'absent'), {}), { code: 'CONFIG_INVALID', message: /ENOENT/ });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ourNode } from '../wire/our-node.ts';
import { pause } from './graphs.ts';

test('a program that waits for its relay is still there when the relay comes, and ends when it closes its graph', { timeout: 120_000 }, async () => {
  const port = await freePort();
  const program = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('waiting-program.ts', import.meta.url)), `http://127.0.0.1:${port}/gun`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said = text(program.stdout);
  const ended = once(program, 'exit') as Promise<[number | null]>;
  // Long enough for a process that nothing holds to be gone.
  await pause(1_500);
  assert.equal(program.exitCode, null);
  const relay = await ourNode({ port });
  try {
    await relay.peer.put([{ soul: 'greeting', fields: [{ key: 'text', value: 'hello', state: 1 }] }]);
    assert.deepEqual(await ended, [0, null]);
    assert.equal(await said, '"hello"\n');
  } finally {
    program.kill('SIGKILL');
    await relay.close();
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { connectNode } from '../../../src/control/control.ts';
import { NodeProcess } from '../../node/process.ts';

test('a value within the limit is taken in any script, however many bytes its letters have', { timeout: 60_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-wide-'));
  const dataDir = join(directory, 'data');
  const process = new NodeProcess(dataDir, ['--graph-addr', '127.0.0.1:0', '--rpc', 'false', '--log-level', 'error']);
  t.after(async () => {
    await process.stop('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  await process.said('ready');
  const { address } = await connectNode(dataDir).graph.status();
  const value = '字'.repeat(1_600_000);
  const socket = new WebSocket(address);
  t.after(() => socket.terminate());
  const answer = await new Promise((resolve, reject) => {
    socket.on('open', () => socket.send(JSON.stringify({ '#': 'wide', put: { wide: { _: { '#': 'wide', '>': { text: 1 } }, text: value } } })));
    socket.on('message', (data: Buffer) => {
      for (const message of [JSON.parse(data.toString())].flat()) if (message['@'] === 'wide') resolve([message.ok, message.err]);
    });
    socket.on('close', (code) => reject(new Error(`closed with ${code}`)));
    socket.on('error', reject);
  });
  assert.deepEqual(answer, [true, undefined]);
});

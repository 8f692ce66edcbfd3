/** Clients of other makes against the engines over TCP. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadNative } from '../../../src/native/native.ts';
import { openNativeEngine, openWasmEngine } from '../../../src/rpc/engine/engine.ts';
import { serveProbes } from './probe.ts';

const program = fileURLToPath(new URL('./programs/probe.py', import.meta.url));
const load = loadNative();
const hasPycapnp = spawnSync('python3', ['-c', 'import capnp'], { encoding: 'utf8' }).status === 0;
const noPycapnp = hasPycapnp ? false : 'python3 with pycapnp is not installed';

function run(command: string, args: readonly string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (text) => (output += String(text)));
    child.stderr.on('data', (text) => (output += String(text)));
    child.on('close', (status) => resolve({ status, output }));
  });
}

for (const [name, open, skip] of [['wasm', openWasmEngine, noPycapnp], ['native', openNativeEngine, load.ok ? noPycapnp : load.reason]] as const) {
  test(`${name}: pycapnp calls, pipelines, is called back, cancels, releases, streams and goes away`, { skip, timeout: 120_000 }, async () => {
    const { server, port, probes, all } = await serveProbes(open());
    try {
      const { status, output } = await run('python3', [program, String(port)]);
      assert.equal(status, 0, output);
      assert.equal(output.match(/^ok /gm)?.length, 9, output);
      // Whoever has gone has left nothing.
      for (const end = Date.now() + 10_000; probes.size > 0 && Date.now() < end;) await sleep(10);
      assert.equal(probes.size, 0);
      assert.ok(all.length > 20);
      assert.deepEqual(all.filter(({ droppedTimes }) => droppedTimes !== 1), []);
      assert.deepEqual(all.flatMap(({ children }) => children).filter(({ droppedTimes }) => droppedTimes !== 1), []);
    } finally {
      server.close();
    }
  });
}

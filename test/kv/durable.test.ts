import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openDurableKv } from '../../src/kv/kv.ts';
import { seededRandom, systemClock, utf8 } from '../../src/std/std.ts';
import { kvConformance } from '../conformance/kv.ts';

kvConformance('leveldb', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pangea-kv-'));
  let store = await openDurableKv(directory);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openDurableKv(directory);
      return store;
    },
    dispose: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});

test('leveldb: a second opener is refused', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pangea-kv-'));
  const store = await openDurableKv(directory);
  await assert.rejects(openDurableKv(directory), { code: 'STORE_LOCKED' });
  await store.close();
  await rm(directory, { recursive: true });
});

test('leveldb: a place that is no directory is an error, not an empty store', async () => {
  await assert.rejects(openDurableKv(fileURLToPath(import.meta.url)), { code: 'STORE_IO' });
});

test('leveldb: what settled survives kill -9, and batches stay whole', { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pangea-kv-'));
  const random = seededRandom(11);
  let acknowledged = -1;
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./writer.ts', import.meta.url)), directory, String(acknowledged + 1)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await killAfterFirst(child, (line) => { acknowledged = Number(line); }, random.integer(60));
    const store = await openDurableKv(directory);
    for (let number = 0; number <= acknowledged; number++) {
      assert.deepEqual(await store.get(`a/${number}`), Buffer.from(utf8(`value ${number}`)), `round ${round}: ${number} was acknowledged`);
    }
    // The batch that was cut off is there as a whole or not at all.
    const next = acknowledged + 1;
    assert.equal((await store.get(`a/${next}`)) === undefined, (await store.get(`b/${next}`)) === undefined);
    await store.close();
  }
  assert.ok(acknowledged > 8, 'the writers did write');
  await rm(directory, { recursive: true });
});

async function killAfterFirst(child: ChildProcess, heard: (line: string) => void, delayMs: number): Promise<void> {
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> });
  let timer: Promise<void> | undefined;
  lines.on('line', (line) => {
    heard(line);
    timer ??= systemClock.sleep(delayMs).then(() => void child.kill('SIGKILL'));
  });
  const [[, signal]] = await Promise.all([once(child, 'exit'), once(lines, 'close')]);
  assert.equal(signal, 'SIGKILL', 'the writer ended by itself');
  await timer;
}

/** A child is killed at random moments while it writes; what it had acknowledged is there each time. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { seededRandom, systemClock, toHex } from '../../src/std/std.ts';
import { content, keyOf, numberedContent, plain, record } from './records.ts';
import { type DiskBackend, diskBackends, nativeSkip, owner, temporaryDirectory } from './places.ts';

const rounds = { native: 100, 'node-fs': 30 } as const;

if (nativeSkip) test('native: kill -9', { skip: nativeSkip }, () => undefined);

for (const backend of diskBackends) {
  test(`${backend.name}: every acknowledged record survives kill -9, ${rounds[backend.name]} times`, { timeout: 120_000 }, async () => {
    const directory = await temporaryDirectory();
    const random = seededRandom(3);
    const present = new Set<number>();
    const removed = new Set<number>();
    let highest = -1;
    for (let round = 0; round < rounds[backend.name]; round++) {
      // Records whose removal had begun may be there or not.
      const unknown = new Set<number>();
      await killWhileWriting(backend, directory, highest + 1, random.integer(80), (line) => {
        const number = Number(line.replace(/^[-?]/, ''));
        highest = Math.max(highest, number);
        if (line.startsWith('?')) {
          present.delete(number);
          unknown.add(number);
        } else if (line.startsWith('-')) {
          removed.add(number);
        } else present.add(number);
      });
      await verify(backend, directory, round, present, removed);
      // Three writers were under way: their next numbers may have been taken by records that nobody heard of.
      highest += 3;
    }
    assert.ok(present.size > rounds[backend.name] * 2, `the writers did write: ${present.size}`);
    assert.ok(removed.size > 5, `and did remove: ${removed.size}`);
    await rm(directory, { recursive: true });
  });
}

async function verify(
  backend: DiskBackend, directory: string, round: number, present: ReadonlySet<number>, removed: ReadonlySet<number>,
): Promise<void> {
  const damage: string[] = [];
  const store = await backend.open({ directory, create: false, owner, volumeBytes: 1_000_000, onDamage: (line) => damage.push(line) });
  assert.deepEqual(damage, [], `round ${round}`);
  // All from the index each time; bytes of a sample, since the records of all rounds are many.
  const listed = new Set(store.records(keyOf(0).object).map(({ key }) => key.stripe));
  for (const number of present) assert.ok(listed.has(number), `round ${round}: ${number} was acknowledged`);
  for (const number of removed) assert.ok(!listed.has(number), `round ${round}: ${number} was removed`);
  const read = async (number: number): Promise<void> => {
    assert.equal(plain(await store.get(keyOf(number))), toHex(numberedContent(number)));
  };
  await Promise.all([...present].slice(-100).map(read));
  if (round % 30 === 29) for (const number of present) await read(number);
  await store.put([record(keyOf(1, 5), content(round))], 'fsync');
  await store.close();
}

async function killWhileWriting(
  backend: DiskBackend, directory: string, first: number, delayMs: number, heard: (line: string) => void,
): Promise<void> {
  const writer = fileURLToPath(new URL('./writer.ts', import.meta.url));
  const child = spawn(process.execPath, [writer, backend.name, directory, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> });
  let killed: Promise<void> | undefined;
  lines.on('line', (line) => {
    if (line !== 'open') return heard(line);
    killed = systemClock.sleep(delayMs).then(() => void child.kill('SIGKILL'));
  });
  const [[, signal]] = await Promise.all([once(child, 'exit'), once(lines, 'close')]);
  assert.equal(signal, 'SIGKILL', 'the writer ended by itself');
  await killed;
}

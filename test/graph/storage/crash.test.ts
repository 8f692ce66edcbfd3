/** The durable store against death, two owners, damage, and a disk that is full or read-only. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isPangeaError } from '../../../src/errors/errors.ts';
import { GraphNode } from '../../../src/graph/data/node.ts';
import { openDurableStore } from '../../../src/graph/storage/durable.ts';
import { writeRadata } from '../../../src/graph/storage/radata.ts';
import type { GraphStore } from '../../../src/graph/storage/storage.ts';
import { openDurableKv } from '../../../src/kv/kv.ts';
import { seededRandom, systemClock } from '../../../src/std/std.ts';
import { collect, plain } from '../../conformance/graph-store.ts';
import { numbered } from './numbered.ts';

function check(title: string, run: (directory: string) => Promise<void>, skip: string | false = false): void {
  test(`leveldb: ${title}`, { timeout: 120_000, skip }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'pangea-graph-'));
    try {
      await run(directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

check('what settled survives kill -9, deltas stay whole, and a second process is refused meanwhile', async (directory) => {
  const random = seededRandom(5);
  let acknowledged = -1;
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./writer.ts', import.meta.url)), directory, String(acknowledged + 1)], { stdio: ['ignore', 'pipe', 'inherit'] });
    await killAfterFirst(child, (line) => { acknowledged = Math.max(acknowledged, Number(line)); }, async () => {
      if (round === 0) await assert.rejects(openDurableStore(directory), { code: 'STORE_LOCKED' });
      await systemClock.sleep(random.integer(80));
    });
    const store = await openDurableStore(directory);
    const numbers = Array.from({ length: acknowledged + 4 }, (_, number) => number);
    const nodes = await store.read(numbers.map((number) => `node/${number}`));
    const [hot] = await store.read(['hot']);
    for (const number of numbers) {
      const [own] = numbered(number);
      const expected = number <= acknowledged || nodes[number] ? plain(GraphNode.from(own as NonNullable<typeof own>)) : undefined;
      assert.deepEqual(plain(nodes[number]), expected, `round ${round}: ${number} of ${acknowledged}`);
      if (number <= acknowledged) assert.equal(hot?.value(`item/${number}`), number);
    }
    assert.ok(Number(hot?.value('last')) >= acknowledged);
    await store.close();
  }
  assert.ok(acknowledged > 70, 'the writers did write, and made the large node');
});

check('a damaged batch within the log is told of when it is opened', async (directory) => {
  await filled(directory, 40);
  const [log] = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  const path = join(directory, log as string);
  const intact = await readFile(path);
  for (let at = 0; at < intact.length / 2; at += 101) {
    const bytes = Buffer.from(intact);
    bytes[at] = (bytes[at] as number) ^ 0x01;
    await writeFile(path, bytes);
    await assert.rejects(openDurableStore(directory), { code: 'STORE_CORRUPT' }, `byte ${at}`);
  }
  await writeFile(path, intact);
  await (await openDurableStore(directory)).close();
});

check('a batch that was cut off at the end of the log is absent as a whole', async (directory) => {
  await filled(directory, 40);
  const [log] = (await readdir(directory)).filter((name) => name.endsWith('.log'));
  const path = join(directory, log as string);
  await truncate(path, (await readFile(path)).length - 9);
  const store = await openDurableStore(directory);
  const nodes = await store.read(Array.from({ length: 40 }, (_, number) => `node/${number}`));
  assert.deepEqual(nodes.map((node) => node?.size), [...Array.from({ length: 39 }, () => 3), undefined]);
  assert.equal((await store.read(['hot']))[0]?.value('last'), 38);
  await store.close();
});

check('damaged tables give the value, an error with a code, or nothing, but never a wrong value', async (directory) => {
  const count = 200;
  await filled(directory, count);
  await (await openDurableStore(directory)).close(); // the log becomes a table
  const [table] = (await readdir(directory)).filter((name) => name.endsWith('.ldb'));
  const path = join(directory, table as string);
  const intact = await readFile(path);
  const random = seededRandom(3);
  let errors = 0;
  for (let round = 0; round < 60; round++) {
    const bytes = Buffer.from(intact);
    for (let flips = 1 + random.integer(8), at = random.integer(bytes.length); flips > 0; flips--) bytes[(at + flips) % bytes.length] = random.integer(256);
    await writeFile(path, bytes);
    errors += await damagedReads(directory, count);
  }
  assert.ok(errors > 10, `${errors} of 60 were told of`);
});

/** 1 when something was told of. */
async function damagedReads(directory: string, count: number): Promise<0 | 1> {
  const known = (error: unknown): true => {
    assert.ok(isPangeaError(error, 'STORE_CORRUPT') || isPangeaError(error, 'STORE_IO') || isPangeaError(error, 'STORE_FOREIGN'), String(error));
    return true;
  };
  let store: GraphStore;
  try {
    store = await openDurableStore(directory);
  } catch (error) {
    return known(error) && 1;
  }
  let told: 0 | 1 = 0;
  for (let number = 0; number < count; number++) {
    try {
      const [node] = await store.read([`node/${number}`]);
      const [own] = numbered(number);
      if (node) assert.deepEqual(plain(node), plain(GraphNode.from(own as NonNullable<typeof own>)));
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      if (known(error)) told = 1;
    }
  }
  await store.close();
  return told;
}

check('directories that are no store of the graph are left alone', async (directory) => {
  await writeFile(join(directory, 'letter.txt'), 'mine');
  await assert.rejects(openDurableStore(directory), { code: 'STORE_FOREIGN' });
  assert.deepEqual(await readdir(directory), ['letter.txt']);
  const kv = await openDurableKv(join(directory, 'kv'));
  await kv.put('k', new Uint8Array(1));
  await kv.close();
  await assert.rejects(openDurableStore(join(directory, 'kv')), { code: 'STORE_FOREIGN' });
  await filled(join(directory, 'graph'), 3);
  await writeRadata(join(directory, 'radata'), (async function* () {})());
  await assert.rejects(openDurableStore(join(directory, 'radata')), { code: 'STORE_FOREIGN', message: /gun\.js/ });
  await rm(join(directory, 'graph', 'CURRENT'));
  await assert.rejects(openDurableStore(join(directory, 'graph')), { code: 'STORE_CORRUPT' });
});

const tmpfs = process.platform === 'linux' && process.getuid?.() === 0 ? false : 'needs root on Linux to mount a small disk';

check('a full disk fails the write with its code, and what settled before is there', async (directory) => {
  await onSmallDisk(directory, async () => {
    let store = await openDurableStore(directory);
    let settled = -1;
    const failure = await (async (): Promise<unknown> => {
      for (let number = 0; number < 200; number++) {
        try {
          await store.write([{ soul: `node/${number}`, fields: [{ key: 'k', value: seededText(number), state: 1 }] }]);
          settled = number;
        } catch (error) {
          return error;
        }
      }
      return undefined;
    })();
    assert.ok(isPangeaError(failure, 'STORE_FULL'), String(failure));
    await store.close();
    system('mount', '-o', 'remount,size=64m', directory);
    store = await openDurableStore(directory);
    for (let number = 0; number <= settled; number++) assert.equal((await store.read([`node/${number}`]))[0]?.value('k'), seededText(number));
    assert.ok(settled > 5);
    await store.close();
  });
}, tmpfs);

check('a read-only disk is told of by its code', async (directory) => {
  await onSmallDisk(directory, async () => {
    await filled(directory, 3);
    system('mount', '-o', 'remount,ro', directory);
    await assert.rejects(openDurableStore(directory), { code: 'STORE_READ_ONLY' });
    system('mount', '-o', 'remount,rw', directory);
    const store = await openDurableStore(directory);
    assert.equal((await collect(store.souls())).length, 4);
    await store.close();
  });
}, tmpfs);

async function onSmallDisk(directory: string, run: () => Promise<void>): Promise<void> {
  system('mount', '-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', directory);
  try {
    await run();
  } finally {
    system('umount', directory);
  }
}

function system(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Some 200 KB that no compression makes small. */
function seededText(number: number): string {
  return Buffer.from(seededRandom(number).bytes(150_000)).toString('base64');
}

async function filled(directory: string, count: number): Promise<void> {
  const store = await openDurableStore(directory);
  for (let number = 0; number < count; number++) await store.write(numbered(number));
  await store.close();
}

async function killAfterFirst(child: ChildProcess, heard: (line: string) => void, meanwhile: () => Promise<void>): Promise<void> {
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> });
  let killing: Promise<void> | undefined;
  lines.on('line', (line) => {
    heard(line);
    killing ??= meanwhile().finally(() => child.kill('SIGKILL'));
  });
  const [[, signal]] = await Promise.all([once(child, 'exit'), once(lines, 'close')]);
  await killing;
  assert.equal(signal, 'SIGKILL', 'the writer ended by itself');
}

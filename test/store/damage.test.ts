/** Torn tails are cut, damage in the middle is reported and costs only what it hit, a lost checkpoint costs nothing. */
import assert from 'node:assert/strict';
import { copyFile, cp, mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRandom, toHex } from '../../src/std/std.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { type DiskBackend, diskBackends, nativeSkip, owner, temporaryDirectory } from './places.ts';
import { content, keyOf, plain, record } from './records.ts';

const volume = 'volume-00000001.pv';
const lengths = [100, 0, 37, 1000, 64];
const recordBytes = (length: number): number => 96 + Math.ceil(length / 8) * 8;

if (nativeSkip) test('native: damage', { skip: nativeSkip }, () => undefined);

for (const backend of diskBackends) {
  const check = (title: string, run: (pristine: string, work: string) => Promise<void>): void => {
    test(`${backend.name}: ${title}`, { timeout: 60_000 }, async () => {
      const root = await temporaryDirectory();
      const pristine = join(root, 'pristine');
      const store = await backend.open({ directory: pristine, create: true, owner });
      for (const [stripe, length] of lengths.entries()) await store.put([record(keyOf(stripe), content(stripe, length))], 'fsync');
      await store.close();
      const work = join(root, 'work');
      await mkdir(work);
      try {
        await run(pristine, work);
      } finally {
        await rm(root, { recursive: true });
      }
    });
  };

  check('a cut at every byte of the last record loses that record alone, and the store goes on', async (pristine, work) => {
    const { size } = await stat(join(pristine, volume));
    const start = size - recordBytes(lengths.at(-1) as number);
    for (let cut = start; cut < size; cut++) {
      await restore(pristine, work, { checkpoint: false });
      await truncate(join(work, volume), cut);
      await expect(backend, work, [0, 1, 2, 3], []);
      assert.equal((await stat(join(work, volume))).size, start, 'the tail is cut');
      if (cut % 16 === 0) await goesOn(backend, work, [0, 1, 2, 3]);
    }
  });

  check('a torn tail of noise or zeros is cut', async (pristine, work) => {
    const random = seededRandom(8);
    for (let round = 0; round < 20; round++) {
      await restore(pristine, work, { checkpoint: round % 2 === 0 });
      const whole = await readFile(join(work, volume));
      const tail = round % 4 < 2 ? random.bytes(1 + random.integer(3000)) : new Uint8Array(1 + random.integer(5000));
      await writeFile(join(work, volume), Buffer.concat([whole, tail]));
      await expect(backend, work, [0, 1, 2, 3, 4], []);
      assert.equal((await stat(join(work, volume))).size, whole.length);
    }
  });

  check('a flipped bit in the middle costs the record that it hits', async (pristine, work) => {
    const random = seededRandom(9);
    const starts = lengths.map((_, stripe) => 64 + lengths.slice(0, stripe).reduce((sum, length) => sum + recordBytes(length), 0));
    for (let round = 0; round < 40; round++) {
      await restore(pristine, work, { checkpoint: false });
      const bytes = await readFile(join(work, volume));
      const hit = random.integer(4);
      const at = (starts[hit] as number) + random.integer(96 + (lengths[hit] as number));
      bytes[at] = (bytes[at] as number) ^ (1 << random.integer(8));
      await writeFile(join(work, volume), bytes);
      const damage = await expect(backend, work, [0, 1, 2, 3, 4].filter((stripe) => stripe !== hit), undefined);
      assert.match(damage.join(), new RegExp(`volume 1: ${recordBytes(lengths[hit] as number)} damaged bytes at ${starts[hit]}`));
      assert.equal((await stat(join(work, volume))).size, bytes.length, 'nothing behind the damage is dropped');
      await goesOn(backend, work, [0, 1, 2, 3, 4].filter((stripe) => stripe !== hit));
    }
  });

  check('a payload that rots behind the checkpoint is corrupt when read, and stays so through compaction', async (pristine, work) => {
    await restore(pristine, work, { checkpoint: true });
    const bytes = await readFile(join(work, volume));
    bytes[64 + 96 + 50] = (bytes[64 + 96 + 50] as number) ^ 1;
    await writeFile(join(work, volume), bytes);
    const store = await backend.open({ directory: work, create: false, owner });
    await assert.rejects(store.get(keyOf(0)), { code: 'CORRUPT' });
    assert.equal(plain(await store.get(keyOf(3))), toHex(content(3, 1000)));
    await store.remove([keyOf(3)]);
    await store.compact();
    await assert.rejects(store.get(keyOf(0)), { code: 'CORRUPT' });
    await store.put([record(keyOf(0), content(0, 100))], 'fsync');
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(0, 100)));
    await store.close();
  });

  check('any damage to the checkpoint only makes the start scan', async (pristine, work) => {
    const random = seededRandom(10);
    const whole = await readFile(join(pristine, 'index.pc'));
    for (let round = 0; round < 40; round++) {
      await restore(pristine, work, { checkpoint: false });
      const bytes = Buffer.from(whole);
      if (round % 2) bytes[random.integer(bytes.length)] = random.integer(256);
      await writeFile(join(work, 'index.pc'), round % 2 ? bytes : bytes.subarray(0, random.integer(bytes.length)));
      await expect(backend, work, [0, 1, 2, 3, 4], []);
    }
  });

  check('a lost or shortened volume is reported, never silently empty', async (pristine, work) => {
    await restore(pristine, work, { checkpoint: true });
    await rm(join(work, volume));
    assert.match((await expect(backend, work, [], undefined)).join(), /volume 1: the file is gone, with 5 records/);
    await restore(pristine, work, { checkpoint: true });
    await truncate(join(work, volume), 64 + recordBytes(100) + 10);
    assert.match((await expect(backend, work, [0], undefined)).join(), /volume 1: \d+ bytes are cut off, with 4 records/);
    await goesOn(backend, work, [0]);
  });

  check('a damaged volume header is written anew', async (pristine, work) => {
    await restore(pristine, work, { checkpoint: false });
    const bytes = await readFile(join(work, volume));
    bytes[9] = (bytes[9] as number) ^ 4;
    await writeFile(join(work, volume), bytes);
    assert.match((await expect(backend, work, [0, 1, 2, 3, 4], undefined)).join(), /damaged header/);
    await expect(backend, work, [0, 1, 2, 3, 4], []);
  });

  check('a volume cut off while it was made is taken away', async (pristine, work) => {
    await restore(pristine, work, { checkpoint: true });
    await writeFile(join(work, 'volume-00000002.pv'), new Uint8Array(17));
    await expect(backend, work, [0, 1, 2, 3, 4], []);
    await goesOn(backend, work, [0, 1, 2, 3, 4]);
  });
}

async function restore(pristine: string, work: string, { checkpoint }: { checkpoint: boolean }): Promise<void> {
  for (const name of await readdir(work)) await rm(join(work, name), { recursive: true });
  if (checkpoint) return cp(pristine, work, { recursive: true });
  for (const name of ['pangea-store', volume]) await copyFile(join(pristine, name), join(work, name));
}

/** Opens, checks that exactly these stripes are there with their bytes, closes; returns what was reported. */
async function expect(backend: DiskBackend, work: string, stripes: readonly number[], damage: readonly string[] | undefined): Promise<string[]> {
  const told: string[] = [];
  const store = await backend.open({ directory: work, create: false, owner, onDamage: (line) => told.push(line) });
  if (damage) assert.deepEqual(told, damage);
  await holds(store, stripes);
  await store.close();
  return told;
}

async function goesOn(backend: DiskBackend, work: string, stripes: readonly number[]): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const store = await backend.open({ directory: work, create: false, owner });
    if (round === 0) await store.put([record(keyOf(50), content(50))], 'fsync');
    assert.equal(plain(await store.get(keyOf(50))), toHex(content(50)));
    await store.remove([keyOf(50)].slice(0, round));
    await holds(store, round === 0 ? [...stripes, 50] : stripes);
    await store.close();
  }
}

async function holds(store: ShardStore, stripes: readonly number[]): Promise<void> {
  assert.deepEqual(store.records(keyOf(0).object).map(({ key }) => key.stripe), stripes);
  for (const stripe of stripes) assert.equal(plain(await store.get(keyOf(stripe))), toHex(content(stripe, lengths[stripe] ?? 1000)));
}

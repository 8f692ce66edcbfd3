import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { toHex } from '../../src/std/std.ts';
import { content, keyOf, plain, record } from './records.ts';
import { diskBackends, nativeSkip, nodeFs, owner, temporaryDirectory } from './places.ts';

const [native] = diskBackends;

test('a directory written by one disk backend opens in the other', { skip: nativeSkip, timeout: 30_000 }, async () => {
  const directory = await temporaryDirectory();
  const model = new Map<number, string>();
  for (let round = 0; round < 6; round++) {
    const backend = round % 2 === 0 ? nodeFs : (native ?? nodeFs);
    // Without the checkpoint the volumes are scanned.
    if (round >= 3) await rm(join(directory, 'index.pc'));
    const damage: string[] = [];
    const store = await backend.open({ directory, create: true, owner, volumeBytes: 20_000, onDamage: (line) => damage.push(line) });
    assert.deepEqual(damage, []);
    assert.equal(store.usage().records, model.size);
    for (const [stripe, expected] of model) assert.equal(plain(await store.get(keyOf(stripe))), expected);
    const records = Array.from({ length: 30 }, (_, i) => record(keyOf(round * 20 + i), content(round * 100 + i, 37 * i)));
    await store.put(records, 'fsync');
    for (const { key, payload } of records) model.set(key.stripe, toHex(payload.bytes()));
    await store.remove([keyOf(round * 20 + 3), keyOf(round)]);
    model.delete(round * 20 + 3);
    model.delete(round);
    if (round === 4) await store.compact();
    await store.close();
  }
  await rm(directory, { recursive: true });
});

/** Errors of the disk at the worst moment, for the node:fs backend; the crate's own tests do the same to the native one. */
import assert from 'node:assert/strict';
import { open, rm } from 'node:fs/promises';
import { test } from 'node:test';
import { toHex } from '../../src/std/std.ts';
import { openNodeFsStore } from '../../src/store/backends/node-fs.ts';
import type { OpenVolumeFile } from '../../src/store/backends/node-fs/volume.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { owner, temporaryDirectory } from './places.ts';
import { content, keyOf, plain, record } from './records.ts';

type Fault = { next?: 'datasync' | 'writev'; code: string };

/** A real file whose next write or fsync fails as the fault says, once. */
function failing(fault: Fault): OpenVolumeFile {
  return async (path, flags) => {
    const file = await open(path, flags);
    const step = <T>(name: Fault['next'], run: () => Promise<T>): Promise<T> => {
      if (fault.next !== name) return run();
      delete fault.next;
      return Promise.reject(Object.assign(new Error(`${fault.code}: injected`), { code: fault.code }));
    };
    return {
      read: file.read.bind(file),
      truncate: file.truncate.bind(file),
      stat: file.stat.bind(file),
      close: file.close.bind(file),
      datasync: () => step('datasync', () => file.datasync()),
      writev: ((buffers: Uint8Array[], at?: number) => step('writev', () => file.writev(buffers, at))) as typeof file.writev,
    };
  };
}

function check(title: string, run: (open: () => Promise<ShardStore>, fault: Fault) => Promise<void>): void {
  test(`node-fs: ${title}`, { timeout: 30_000 }, async () => {
    const directory = await temporaryDirectory();
    const fault: Fault = { code: 'EIO' };
    try {
      await run(() => openNodeFsStore({ directory, create: true, owner }, failing(fault)), fault);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

for (const [code, expected] of [['EIO', 'STORE_IO'], ['ENOSPC', 'STORE_FULL']] as const) {
  check(`a failed fsync (${code}) fails its puts and never counts their bytes`, async (openStore, fault) => {
    let store = await openStore();
    await store.put([record(keyOf(0), content(0))], 'fsync');
    await store.put([record(keyOf(1), content(1))], 'memory');
    Object.assign(fault, { next: 'datasync', code });
    await assert.rejects(store.put([record(keyOf(0), content(5))], 'fsync'), { code: expected });
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(0)), 'what was durable is back');
    assert.equal(await store.get(keyOf(1)), undefined);
    await assert.rejects(store.sync(), { code: expected }, 'the loss of a memory put is told once');
    await store.sync();
    const volumes = store.usage().volumes;
    await store.put([record(keyOf(2), content(2))], 'fsync');
    assert.equal(store.usage().volumes, volumes + 1, 'nothing is appended to that volume again');
    await store.close();
    store = await openStore();
    assert.deepEqual(store.records(keyOf(0).object).map(({ key }) => key.stripe), [0, 2]);
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(0)));
    await store.close();
  });
}

for (const [code, expected] of [['EIO', 'STORE_IO'], ['ENOSPC', 'STORE_FULL'], ['EROFS', 'STORE_READ_ONLY']] as const) {
  check(`a failed write (${code}) fails its put alone, reads and later puts go on`, async (openStore, fault) => {
    let store = await openStore();
    await store.put([record(keyOf(0), content(0))], 'fsync');
    Object.assign(fault, { next: 'writev', code });
    await assert.rejects(store.put([record(keyOf(1), content(1))], 'fsync'), { code: expected });
    assert.equal(plain(await store.get(keyOf(0))), toHex(content(0)));
    await store.put([record(keyOf(2), content(2))], 'fsync');
    await store.close();
    store = await openStore();
    assert.deepEqual(store.records(keyOf(0).object).map(({ key }) => key.stripe), [0, 2]);
    await store.close();
  });
}

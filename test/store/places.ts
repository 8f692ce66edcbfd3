/** Directories and backends for the tests of the disk stores. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadNative } from '../../src/native/native.ts';
import { type ShardStore, type StoreOptions, openNativeStore, openNodeFsStore } from '../../src/store/store.ts';
import type { PlaceSizes, StorePlace } from '../conformance/store.ts';

export interface DiskBackend {
  readonly name: 'native' | 'node-fs';
  open(options: StoreOptions): Promise<ShardStore>;
}

const loaded = loadNative();

export const nodeFs: DiskBackend = { name: 'node-fs', open: (options) => openNodeFsStore(options) };

/** Absent with its reason where the addon or its store is not built. */
export const native: DiskBackend | string =
  loaded.ok && 'openNativeStore' in loaded.native
    ? { name: 'native', open: (options) => openNativeStore(loaded.native, options) }
    : loaded.ok ? 'the addon is built without the store' : loaded.reason;

/** The backends that can run here; a test file that uses them says with `nativeSkip` why one cannot. */
export const diskBackends: readonly DiskBackend[] = typeof native === 'string' ? [nodeFs] : [native, nodeFs];
export const nativeSkip = typeof native === 'string' ? native : false;

export const owner = '12D3KooWTestOwner';

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'pangea-store-'));
}

export async function diskPlace(backend: DiskBackend, sizes: PlaceSizes = {}): Promise<StorePlace & { readonly directory: string }> {
  const directory = await temporaryDirectory();
  const open = (): Promise<ShardStore> => backend.open({ directory, create: true, owner, ...sizes });
  let store = await open();
  return {
    store,
    directory,
    reopen: async () => {
      await store.close();
      store = await open();
      return store;
    },
    dispose: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

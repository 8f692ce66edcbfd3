import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDurableStore } from '../../../src/graph/storage/durable.ts';
import { graphStoreConformance } from '../../conformance/graph-store.ts';

graphStoreConformance('leveldb', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'pangea-graph-'));
  let store = await openDurableStore(directory);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openDurableStore(directory);
      return store;
    },
    dispose: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});

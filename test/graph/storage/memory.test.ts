import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { graphStoreConformance } from '../../conformance/graph-store.ts';

graphStoreConformance('memory', async () => {
  const store = new MemoryStore();
  return { store, dispose: () => store.close() };
});

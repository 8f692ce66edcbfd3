import { MemoryStore } from '../../src/store/store.ts';
import { storeConformance } from '../conformance/store.ts';

storeConformance('memory', async ({ quotaBytes } = {}) => {
  const store = new MemoryStore({ ...(quotaBytes !== undefined && { quotaBytes }) });
  return { store, dispose: () => store.close() };
});

import { MemoryKv } from '../../src/kv/kv.ts';
import { kvConformance } from '../conformance/kv.ts';

kvConformance('memory', async () => {
  const store = new MemoryKv();
  return { store, dispose: () => store.close() };
});

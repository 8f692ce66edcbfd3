/** `Gun` for pages: in IndexedDB unless `localStorage` is false. Bundled, it sets `window.Gun` and `window.SEA`. */
import { openIndexedDbStore } from '../storage/indexeddb.ts';
import type { GraphStore } from '../storage/storage.ts';
import { createGun, wantsStore, type GunFunction } from './gun.ts';
import { LazyStore } from './lazy-store.ts';

const stores = new Map<string, GraphStore>();

function storeNamed(name: string): GraphStore {
  const known = stores.get(name);
  if (known) return known;
  const store = new LazyStore(openIndexedDbStore(name), 'disk', 'indexeddb');
  stores.set(name, store);
  return store;
}

export const Gun: GunFunction = createGun({
  open: (options) => ('indexedDB' in globalThis && wantsStore(options, true) ? { store: storeNamed(typeof options.file === 'string' ? options.file : 'radata') } : {}),
});

export const { SEA } = Gun;
export default Gun;

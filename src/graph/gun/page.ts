/** `Gun` for pages: in IndexedDB unless `localStorage` is false. Bundled, it sets `window.Gun` and `window.SEA`. */
import { assemble, openGround } from '../open.ts';
import { openIndexedDbStore } from '../storage/indexeddb.ts';
import { Folders } from './folders.ts';
import { createGun, wantsStore, type GunFunction } from './gun.ts';
import { LazyStore } from './lazy-store.ts';

const folders = new Folders((name) => new LazyStore(openIndexedDbStore(name), 'disk', 'indexeddb'));

export const Gun: GunFunction = createGun({
  open: (options, base) =>
    'indexedDB' in globalThis && wantsStore(options, true)
      ? folders.open(typeof options.file === 'string' ? options.file : 'radata', base)
      : assemble(openGround(base), base),
});

export const { SEA } = Gun;
export default Gun;

/** `Gun` for pages: in IndexedDB unless `localStorage` is false, logins in `sessionStorage` for `recall`. Bundled, it sets `window.Gun` and `window.SEA`. */
import { assemble, openGround, type OpenOptions } from '../open.ts';
import { webSessionStore, type WebStorage } from '../sea/session-store.ts';
import { openIndexedDbStore } from '../storage/indexeddb.ts';
import { Folders } from './folders.ts';
import { createGun, wantsStore, type GunFunction } from './gun.ts';
import { LazyStore } from './lazy-store.ts';

const folders = new Folders((name) => new LazyStore(openIndexedDbStore(name), 'disk', 'indexeddb'));

/** Pages in a sandbox have no storage, and throw when they look for it. */
function recalling(base: OpenOptions): OpenOptions {
  try {
    const { sessionStorage: storage } = globalThis as { readonly sessionStorage?: WebStorage };
    return storage && base.sea !== false ? { ...base, sea: { ...base.sea, session: webSessionStore(storage) } } : base;
  } catch {
    return base;
  }
}

export const Gun: GunFunction = createGun({
  open: (options, given) => {
    const base = recalling(given);
    return 'indexedDB' in globalThis && wantsStore(options, true)
      ? folders.open(typeof options.file === 'string' ? options.file : 'radata', base)
      : assemble(openGround(base), base);
  },
});

export const { SEA } = Gun;
export default Gun;

/**
 * The typed face of the addon. `loadNative` returns the addon or the reason why there is none;
 * nothing is logged and nothing falls back here: the caller decides and says so.
 *
 * `addon.d.ts` is generated from the Rust source by `npm run build:native`.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export type Native = typeof import('./addon.d.ts');

export type NativeLoad =
  | { readonly ok: true; readonly native: Native; readonly path: string }
  | { readonly ok: false; readonly reason: string };

/** Must equal `ABI_VERSION` in `native/addon/src/lib.rs`. */
const abiVersion = 2;

let loaded: NativeLoad | undefined;

/** Loads the addon once. `PANGEA_NATIVE=off` hides it; `PANGEA_NATIVE=/path/to.node` takes that file. */
export function loadNative(environment: NodeJS.ProcessEnv = process.env): NativeLoad {
  loaded ??= load(environment['PANGEA_NATIVE']);
  return loaded;
}

function load(setting: string | undefined): NativeLoad {
  if (setting === 'off') return { ok: false, reason: 'switched off by PANGEA_NATIVE=off' };
  const path = setting ?? fileURLToPath(new URL('./pangea.node', import.meta.url));
  try {
    const native = createRequire(import.meta.url)(path) as Native;
    const found = native.abiVersion();
    if (found !== abiVersion) {
      return { ok: false, reason: `${path} has interface ${found}, this code needs ${abiVersion}: run "npm run setup"` };
    }
    return { ok: true, native, path };
  } catch (error) {
    const text = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    const missing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    return { ok: false, reason: missing ? 'the addon is not built: run "npm run setup" with a Rust toolchain' : text };
  }
}

/** The module from its file, and calls on threads of Node. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Codec } from '../../codec.ts';
import { Ces } from './core.ts';
import { compile, compileLater, type WasmModule } from './engine.ts';
import { createPool } from './pool.ts';
import { WasmCodec } from './wasm.ts';

export type WasmLoad =
  | { readonly ok: true; readonly module: WasmModule; readonly path: string }
  | { readonly ok: false; readonly reason: string };

const path = fileURLToPath(new URL('./pangea_ces.wasm', import.meta.url));
let loaded: WasmLoad | undefined;

/** Compiles the committed module once, or says why it does not run here. */
export function loadWasm(): WasmLoad {
  try {
    loaded ??= { ok: true, module: compile(readFileSync(path)), path };
  } catch (error) {
    loaded = refusal(error);
  }
  return loaded;
}

/** The same for one who shares the thread: compiling takes some 20 ms. */
export async function loadWasmLater(): Promise<WasmLoad> {
  if (loaded !== undefined) return loaded;
  try {
    const module = await compileLater(await readFile(path));
    return (loaded ??= { ok: true, module, path });
  } catch (error) {
    return (loaded = refusal(error));
  }
}

function refusal(error: unknown): WasmLoad {
  const text = error instanceof Error ? error.message : String(error);
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return { ok: false, reason: missing ? `${path} is missing: run "npm run build:wasm"` : text };
}

/** `threads` is the most that work at once; by default one a core up to four. With 0 calls are made where they are asked for. */
export function createWasmCodec(load: WasmLoad & { ok: true }, options: { readonly threads?: number } = {}): Codec {
  const ces = new Ces(load.module);
  return new WasmCodec(ces, options.threads === 0 ? async (call, inputs) => ces.perform(call, inputs) : createPool(load.module, options.threads));
}

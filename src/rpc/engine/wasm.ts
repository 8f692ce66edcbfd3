/** The engine as a WebAssembly module, for machines without the addon. */
import { PangeaError } from '../../errors/errors.ts';
import type { Engine } from './engine.ts';

/** `BACKEND_UNAVAILABLE` where the module is missing. */
export function openWasmEngine(): Engine {
  throw new PangeaError('BACKEND_UNAVAILABLE', 'the WebAssembly module of the RPC engine is not built');
}

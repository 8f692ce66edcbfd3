/** The module by its address, and calls on the thread of the page (or of the worker that a page may have for it). */
import { PangeaError } from '../../../errors/errors.ts';
import type { Codec } from '../../codec.ts';
import { Ces } from './core.ts';
import { compileLater } from './engine.ts';
import { WasmCodec } from './wasm.ts';

/** Fetches `pangea_ces.wasm`. A call takes its time inside the call: 3 to 6 ms a MiB, so that a page does large files in a worker. */
export async function fetchWasmCodec(address: string | URL): Promise<Codec> {
  const response = await fetch(address);
  if (!response.ok) throw new PangeaError('BACKEND_UNAVAILABLE', `${address} answers ${response.status}`);
  const ces = new Ces(await compileLater(new Uint8Array(await response.arrayBuffer())));
  return new WasmCodec(ces, async (call, inputs) => ces.perform(call, inputs));
}

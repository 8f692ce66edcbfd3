/** The core in WebAssembly: Reed–Solomon as one instance does it on memory of its own, all else through the codec with its worker threads. */
import { bodyFrom } from '../../src/body/body.ts';
import { CesInstance } from '../../src/codec/backends/wasm/instance.ts';
import { createWasmCodec, loadWasm } from '../../src/codec/codec.ts';
import { version } from '../../src/node/version.ts';
import { dataRows, type Op, parityRows } from '../protocol.ts';
import { codecSubject, type Make } from './codec.ts';
import { checkOf, serve } from './serve.ts';

await serve(() => {
  const load = loadWasm();
  if (!load.ok) throw new Error(load.reason);
  // One for all requests: each holds gigabytes of addresses, and its memory, once touched, stays warm.
  const instance = new CesInstance(load.module);
  /** `lost`: bits of the rows to make again; `undefined` makes the parity. */
  const rows = (lost: number | undefined, shown: readonly number[]): Make => (_codec, { bytes }, data) => {
    instance.freeAll();
    const room = instance.room((dataRows + parityRows) * bytes);
    instance.view(room).set(data);
    const encode = (): void => succeeded(instance.exports.ces_rs_encode(room.at, bytes));
    encode();
    const call = lost === undefined ? encode : () => succeeded(instance.exports.ces_rs_rebuild(room.at, bytes, lost));
    if (shown.length === 0) return { call };
    return {
      call,
      check: async () => {
        for (const row of shown) instance.view(room).fill(0, row * bytes, (row + 1) * bytes);
        call();
        return checkOf(shown.map((row) => instance.view(room).slice(row * bytes, (row + 1) * bytes)));
      },
    };
  };
  const stages: Partial<Record<Op, Make>> = {
    'rs-encode': rows(undefined, [8, 9, 10, 11]),
    'rs-decode': rows(0b1111, [0, 1, 2, 3]),
    'rs-repair': rows(0b1, []),
  };
  return codecSubject(createWasmCodec(load), { version, language: `Rust in WebAssembly, Node ${process.versions.node}`, body: bodyFrom, stages });
});

function succeeded(status: number): void {
  if (status !== 0) throw new Error(`the module refused the rows with status ${status}`);
}

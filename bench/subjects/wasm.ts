/** The core in WebAssembly: Reed–Solomon as one instance does it on memory of its own, all else through the codec with its worker threads. */
import { bodyFrom } from '../../src/body/body.ts';
import { CesInstance } from '../../src/codec/backends/wasm/instance.ts';
import { createWasmCodec, loadWasm } from '../../src/codec/codec.ts';
import { version } from '../../src/node/version.ts';
import { dataRows, type Op, parityRows } from '../protocol.ts';
import { codecSubject, type Make } from './codec.ts';
import { checkOf, serve } from './serve.ts';

/** Between rows, as the codec leaves it: rows whose starts differ by a power of two compete for the same lines of the cache. */
const rowGapBytes = 320;

await serve(() => {
  const load = loadWasm();
  if (!load.ok) throw new Error(load.reason);
  // One for all requests: each holds gigabytes of addresses, and its memory, once touched, stays warm.
  const instance = new CesInstance(load.module);
  /** `lost`: bits of the rows to make again; `undefined` makes the parity. */
  const rows = (lost: number | undefined, shown: readonly number[]): Make => (_codec, { bytes }, data) => {
    instance.freeAll();
    const stride = bytes + rowGapBytes;
    const room = instance.room((dataRows + parityRows) * stride);
    const row = (index: number): Uint8Array => instance.view(room).subarray(index * stride, index * stride + bytes);
    for (let index = 0; index < dataRows; index++) row(index).set(data.subarray(index * bytes, (index + 1) * bytes));
    const encode = (): void => succeeded(instance.exports.ces_rs_encode(room.at, bytes, stride));
    encode();
    const call = lost === undefined ? encode : () => succeeded(instance.exports.ces_rs_rebuild(room.at, bytes, lost, stride));
    if (shown.length === 0) return { call };
    return {
      call,
      check: async () => {
        for (const index of shown) row(index).fill(0);
        call();
        return checkOf(shown.map((index) => row(index).slice()));
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

/** The little of the WebAssembly interface that is used: it is the same in Node and browsers, but the types of neither name it alone. */
export type WasmModule = { readonly __module: unique symbol };

interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

type Address = number;
type Status = number;

/** What `native/wasm` exports: numbers in, status out (0: the reply holds the result, 1: the text of the failure). */
export interface CesExports {
  readonly memory: WasmMemory;
  ces_alloc(bytes: number): Address;
  ces_free(at: Address, bytes: number): void;
  ces_nonces(): Address;
  ces_reply(): Address;
  ces_done(): void;
  ces_kernels(): Status;
  ces_identity(at: Address, length: number): Status;
  ces_derive_key(context: Address, contextBytes: number, material: Address, materialBytes: number): Status;
  ces_seal(key: Address, plaintext: Address, length: number, associated: Address, associatedBytes: number): Status;
  ces_open(key: Address, sealed: Address, length: number, associated: Address, associatedBytes: number): Status;
  ces_train(samples: Address, lengths: Address, count: number, maxBytes: number): Status;
  ces_encode_whole(plaintext: Address, length: number, key: Address, how: Address): Status;
  ces_decode_whole(shards: Address, key: Address, maxBytes: number, dictionary: Address): Status;
  ces_encode_stripe(plaintext: Address, length: number, lengths: Address, count: number, key: Address, place: Address, how: Address): Status;
  ces_open_segment(
    sealed: Address, length: number, segment: number, plaintextBytes: number, key: Address, place: Address, dictionary: Address,
  ): Status;
  ces_reconstruct(shards: Address, lengths: Address, wanted: Address, count: number): Status;
  /** For measuring: parity of eight rows in the module's memory, `stride` bytes apart (one right after the other without). */
  ces_rs_encode(rows: Address, shardBytes: number, stride?: number): Status;
  /** For measuring: the rows whose bits are set in `lost` are made again where they lie. */
  ces_rs_rebuild(rows: Address, shardBytes: number, lost: number, stride?: number): Status;
}

declare const WebAssembly: {
  readonly Module: {
    new (bytes: Uint8Array): WasmModule;
    imports(module: WasmModule): readonly unknown[];
  };
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: CesExports };
  compile(bytes: Uint8Array): Promise<WasmModule>;
};

/** Throws where the engine lacks the instructions that the module is made of. */
export function compile(bytes: Uint8Array): WasmModule {
  return new WebAssembly.Module(bytes);
}

/** The same off the thread, as browsers demand for a module of this size. */
export function compileLater(bytes: Uint8Array): Promise<WasmModule> {
  return WebAssembly.compile(bytes);
}

export function instantiate(module: WasmModule): CesExports {
  return new WebAssembly.Instance(module, {}).exports;
}

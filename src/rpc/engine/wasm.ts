/**
 * The engine as a WebAssembly module, for machines without the addon. One instance a connection: a trap, or memory that
 * does not suffice, costs that connection alone, and all of it is gone with the instance.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PangeaError } from '../../errors/errors.ts';
import { Connection } from './connection.ts';
import type { Engine, EngineCounts, EngineLimits } from './engine.ts';
import { statusBytes, type Port } from './port.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  rpc_open(messageBytes: number, traversalWords: number, nesting: number, unansweredCalls: number, capabilities: number, memoryBytes: number): void;
  rpc_room(bytes: number): number;
  rpc_receive(bytes: number): void;
  rpc_answer(call: number, headBytes: number, bytes: number, handle: number, capabilities: number): void;
  rpc_throw(call: number, failure: number, bytes: number): void;
  rpc_call(question: number, target: number, low: number, high: number, method: number, headBytes: number, bytes: number, handle: number, capabilities: number): void;
  rpc_release(handle: number): void;
  rpc_bootstrap(): number;
  rpc_close(): void;
  rpc_settle(): number;
  rpc_output(): number;
  rpc_message(handle: number): number;
  rpc_counts(): number;
}

/** The little that is used of what the types of Node do not name. */
type Module = { readonly __module: unique symbol };
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => Module;
  readonly Instance: new (module: Module) => { readonly exports: Exports };
  readonly RuntimeError: new () => Error;
};

/** Bytes of the socket go in by pieces, so that the room stays small. */
const pieceBytes = 64 * 1024;
const path = fileURLToPath(new URL('./wasm/pangea_rpc.wasm', import.meta.url));
const text = new TextEncoder();
let compiled: Module | undefined;

/** Compiles the committed module once. `BACKEND_UNAVAILABLE` where that fails. */
export function openWasmEngine(): Engine {
  const module = compile();
  return { name: 'wasm', connect: (options) => new Connection((limits) => new WasmPort(module, limits), options) };
}

function compile(): Module {
  try {
    compiled ??= new WebAssembly.Module(readFileSync(path));
    return compiled;
  } catch (error) {
    throw new PangeaError('BACKEND_UNAVAILABLE', 'the WebAssembly module of the RPC engine does not load', { cause: error });
  }
}

class WasmPort implements Port {
  readonly #exports: Exports;
  #trapped = false;

  constructor(module: Module, limits: EngineLimits) {
    this.#exports = new WebAssembly.Instance(module).exports;
    this.#exports.rpc_open(limits.messageBytes, limits.traversalWords, limits.nesting, limits.unansweredCalls, limits.capabilities, limits.memoryBytes);
  }

  receive(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      const piece = bytes.subarray(start, start + pieceBytes);
      this.#guard(() => {
        this.#put(piece);
        this.#exports.rpc_receive(piece.length);
      });
    }
  }

  answer(call: number, head: Uint8Array, bytes: number, handle: number, capabilities: Int32Array): void {
    this.#guard(() => {
      this.#put(head, capabilities);
      this.#exports.rpc_answer(call, head.length, bytes, handle, capabilities.length);
    });
  }

  throw(call: number, failure: number, reason: string): void {
    this.#guard(() => {
      const bytes = text.encode(reason);
      this.#put(bytes);
      this.#exports.rpc_throw(call, failure, bytes.length);
    });
  }

  call(question: number, target: number, low: number, high: number, method: number, head: Uint8Array, bytes: number, handle: number, capabilities: Int32Array): void {
    this.#guard(() => {
      this.#put(head, capabilities);
      this.#exports.rpc_call(question, target, low, high, method, head.length, bytes, handle, capabilities.length);
    });
  }

  release(handle: number): void {
    this.#guard(() => this.#exports.rpc_release(handle));
  }

  bootstrap(): number {
    return this.#guard(() => this.#exports.rpc_bootstrap()) ?? 0;
  }

  close(): void {
    this.#guard(() => this.#exports.rpc_close());
  }

  settle(room: Uint8Array): void {
    const done = this.#guard(() => {
      const at = this.#exports.rpc_settle() >>> 0;
      const bytes = new DataView(this.#exports.memory.buffer).getUint32(at, true);
      room.set(this.#view(at, statusBytes + bytes));
      return true;
    });
    if (done !== true) new Uint32Array(room.buffer, 0, statusBytes / 4).set([0, 0, 0, 2]);
  }

  takeOutput(room: Uint8Array): void {
    this.#guard(() => room.set(this.#view(this.#exports.rpc_output() >>> 0, room.length)));
  }

  takeMessage(handle: number): readonly Uint8Array[] {
    const found = this.#guard(() => {
      const at = this.#exports.rpc_message(handle) >>> 0;
      const table = new DataView(this.#exports.memory.buffer);
      const segments: Uint8Array[] = [];
      for (let index = 0; index < table.getUint32(at, true); index += 1) {
        const place = at + 4 + index * 8;
        segments.push(this.#view(table.getUint32(place, true), table.getUint32(place + 4, true) * 8).slice());
      }
      this.#exports.rpc_message(0);
      return segments;
    });
    // The record stands in the same instance: without it there is nothing left to go on with.
    return found ?? [new Uint8Array(8)];
  }

  counts(): EngineCounts {
    const words = this.#guard(() => {
      const at = this.#exports.rpc_counts() >>> 0;
      return new Uint32Array(this.#exports.memory.buffer, at, 4);
    });
    const [unansweredCalls = 0, exported = 0, imported = 0, memoryBytes = 0] = words ?? [];
    return { unansweredCalls, exported, imported, memoryBytes };
  }

  #put(bytes: Uint8Array, capabilities?: Int32Array): void {
    const total = bytes.length + (capabilities?.byteLength ?? 0);
    const at = this.#exports.rpc_room(total) >>> 0;
    const room = this.#view(at, total);
    room.set(bytes);
    if (capabilities !== undefined && capabilities.length > 0) room.set(new Uint8Array(capabilities.buffer, capabilities.byteOffset, capabilities.byteLength), bytes.length);
  }

  /** Good until the module runs again: growing its memory takes views away. */
  #view(at: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at, bytes);
  }

  /** A trap ends the connection: `settle` says so. */
  #guard<T>(act: () => T): T | undefined {
    if (this.#trapped) return undefined;
    try {
      return act();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.#trapped = true;
      return undefined;
    }
  }
}

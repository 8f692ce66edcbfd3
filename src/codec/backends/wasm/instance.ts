/**
 * One instance of the module, spoken to in its own terms: room, addresses, replies. All of it is synchronous and runs on
 * the thread that calls. Needs nothing of Node.
 */
import { asPangeaError, PangeaError } from '../../../errors/errors.ts';
import { identityBytes, nonceBytes, totalShards } from '../../format.ts';
import type { Outcome } from './call.ts';
import { instantiate, type CesExports, type WasmModule } from './engine.ts';

/** Nonces that a call may take: one a segment. */
const nonceRoomBytes = 8 * nonceBytes;
/** Layout of the reply: two words, twelve pairs of address and length, identities. */
const reply = { compressedBytes: 0, count: 4, parts: 8, identities: 8 + totalShards * 8 } as const;
/** What the module's rows are aligned to; the host keeps to it for inputs. */
export const alignment = 64;

/** Bytes in the module's memory. */
export interface Room {
  readonly at: number;
  readonly length: number;
}

export class CesInstance {
  readonly exports: CesExports;
  readonly #rooms: (Room & { readonly secret: boolean })[] = [];
  #trapped = false;

  constructor(module: WasmModule) {
    this.exports = instantiate(module);
  }

  /** Whether it is of no more use: a trap leaves the memory as it was at that moment. */
  get trapped(): boolean {
    return this.#trapped;
  }

  /** Bytes that the module holds; it never gives any back. */
  get memoryBytes(): number {
    return this.exports.memory.buffer.byteLength;
  }

  /** Takes room until `freeAll`, which wipes it where secrets lie. Its content is anything. */
  room(length: number, secret = false): Room {
    // No call asks for nothing, and an address has to be something.
    const bytes = Math.max(1, length);
    const at = this.#guard(() => this.exports.ces_alloc(bytes)) >>> 0;
    if (at === 0) throw new PangeaError('TOO_LARGE', `${length} bytes do not fit the memory of the WebAssembly module`);
    this.#rooms.push({ at, length: bytes, secret });
    return { at, length };
  }

  put(bytes: Uint8Array, secret = false): Room {
    const room = this.room(bytes.length, secret);
    this.view(room).set(bytes);
    return room;
  }

  /** Valid until the next call: growing memory takes views away. */
  view(room: Room): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, room.at, room.length);
  }

  words(room: Room): DataView {
    return new DataView(this.exports.memory.buffer, room.at, room.length);
  }

  /** Fills the places of nonces with fresh ones; the module wipes each as it takes it. */
  freshNonces(): void {
    const at = this.exports.ces_nonces() >>> 0;
    globalThis.crypto.getRandomValues(new Uint8Array(this.exports.memory.buffer, at, nonceRoomBytes));
  }

  /** Makes a call that leaves a reply, and copies that. Throws what the module says. */
  ask(call: (exports: CesExports) => number): Outcome {
    const status = this.#guard(() => call(this.exports));
    try {
      const outcome = this.#reply();
      if (status === 0) return outcome;
      throw asPangeaError(new Error(new TextDecoder().decode(outcome.bytes)));
    } finally {
      this.#guard(() => this.exports.ces_done());
    }
  }

  /** Gives all room back. */
  freeAll(): void {
    if (this.#trapped) return;
    for (const room of this.#rooms.splice(0)) {
      if (room.secret) this.view(room).fill(0);
      this.#guard(() => this.exports.ces_free(room.at, room.length));
    }
  }

  #reply(): Outcome {
    const { buffer } = this.exports.memory;
    const at = this.exports.ces_reply() >>> 0;
    const words = new DataView(buffer, at);
    const count = words.getUint32(reply.count, true);
    const parts = Array.from({ length: count }, (_, part): Room => ({
      at: words.getUint32(reply.parts + part * 8, true),
      length: words.getUint32(reply.parts + part * 8 + 4, true),
    }));
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let end = 0;
    for (const part of parts) {
      bytes.set(new Uint8Array(buffer, part.at, part.length), end);
      end += part.length;
    }
    const identities = new Uint8Array(count === totalShards ? totalShards * identityBytes : 0);
    identities.set(new Uint8Array(buffer, at + reply.identities, identities.length));
    return { bytes, lengths: parts.map((part) => part.length), identities, compressedBytes: words.getUint32(reply.compressedBytes, true) };
  }

  #guard<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      this.#trapped = true;
      throw new PangeaError('INTERNAL', `the WebAssembly module trapped: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

/** How bytes pass between the threads: as memory that changes hands, never as a structured clone. */
import { limits } from '../limits.ts';

/** What is copied in one turn. Fresh memory costs up to 4 ms a MiB on a virtual machine. */
const stepBytes = 256 * 1024;

/** Memory of `values`, one level deep, that can be handed over as a whole. */
export function transferable(values: readonly unknown[]): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  for (const value of values.flat()) {
    if (value instanceof Uint8Array && value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength) found.add(value.buffer);
  }
  return [...found];
}

export function ownCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = unwritten(bytes.length);
  copy.set(bytes);
  return copy;
}

/** As `ownCopy`, with turns of the event loop in between: the first touch of 64 MiB holds a thread for tens of milliseconds. */
export async function ownCopyInTurns(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const copy = unwritten(bytes.length);
  for (let at = 0; at < bytes.length; at += stepBytes) {
    if (at > 0) await turn();
    copy.set(bytes.subarray(at, at + stepBytes), at);
  }
  return copy;
}

/** Memory that is not cleared first: clearing 8 MiB holds a thread for some 4 ms, and all of it is written anyway. */
function unwritten(bytes: number): Uint8Array<ArrayBuffer> {
  const { buffer } = Buffer.allocUnsafeSlow(bytes);
  return new Uint8Array(buffer);
}

export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Memory for pieces of a stream that comes back from the reader: used again, it costs a tenth of fresh memory. */
export class PiecePool {
  readonly #free: ArrayBuffer[] = [];

  /** A copy, in kept memory when it is about a chunk: that may be larger than it. */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    if (bytes.length <= limits.chunkBytes / 2 || bytes.length > limits.chunkBytes) return ownCopy(bytes);
    const piece = new Uint8Array(this.#free.pop() ?? unwritten(limits.chunkBytes).buffer, 0, bytes.length);
    piece.set(bytes);
    return piece;
  }

  giveBack(memory: ArrayBuffer): void {
    if (memory.byteLength === limits.chunkBytes && this.#free.length < keptPieces) this.#free.push(memory);
  }
}

/** Two full windows. */
const keptPieces = 2 * limits.streamWindowBytes / limits.chunkBytes;

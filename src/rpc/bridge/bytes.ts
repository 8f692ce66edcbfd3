/** How bytes pass between the threads: as memory that changes hands, never as a structured clone. */
import { limits } from '../limits.ts';

/** Memory of `values`, one level deep, that can be handed over as a whole. */
export function transferable(values: readonly unknown[]): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  for (const value of values.flat()) {
    if (value instanceof Uint8Array && value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength) found.add(value.buffer);
  }
  return [...found];
}

/** A copy in memory of its own, cut so that no copy takes long. */
export function ownPieces(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += limits.chunkBytes) pieces.push(ownCopy(bytes.subarray(at, at + limits.chunkBytes)));
  return pieces;
}

export function ownCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/** As `ownCopy`, with a turn of the event loop after each MiB: 64 MiB at once would hold a thread for tens of milliseconds. */
export async function ownCopyInTurns(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  for (let at = 0; at < bytes.length; at += limits.chunkBytes) {
    if (at > 0) await turn();
    copy.set(bytes.subarray(at, at + limits.chunkBytes), at);
  }
  return copy;
}

export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/**
 * The handle of bytes that pass between socket, codec and store.
 *
 * On the native path the bytes live in Rust and JavaScript holds only the handle; on the portable
 * path they are a `Uint8Array`. A body is immutable and shared: `slice` never copies.
 *
 * Ownership: whoever receives a body releases it when done, or lets the collector do so later.
 * Functions that take a body (store.put, transport.request, codec …) do not release it; once their
 * promise has been *returned* (not settled) the caller may release: they took their own share.
 */
import type { Native } from '../native/native.ts';
import { PangeaError } from '../errors/errors.ts';

export interface Body {
  readonly byteLength: number;
  /** Bytes from `start` to `end` (exclusive), shared, not copied. */
  slice(start: number, end?: number): Body;
  /** The content as JavaScript memory: a copy from native memory, a view of portable memory. Read only. */
  bytes(): Uint8Array;
  /** Copies the content to `target` from `offset` on, without new memory: what a long read does, since each buffer from native memory costs the collector. */
  copyTo(target: Uint8Array, offset: number): void;
  /** Gives the memory back now. Safe to repeat; any other use afterwards throws `BODY_RELEASED`. */
  release(): void;
}

/** A body over JavaScript memory, which must not change afterwards. */
export function bodyFrom(bytes: Uint8Array): Body {
  return new PortableBody(bytes);
}

/** The same content as a native handle: itself where it is one already, otherwise wrapped without a copy. */
export function nativeBody(native: Native, body: Body): InstanceType<Native['NativeBody']> {
  if (body instanceof native.NativeBody) return body;
  const bytes = body.bytes();
  return native.NativeBody.fromBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** The bytes of a chunk that is either JavaScript memory already or a body. */
export function bytesOfChunk(chunk: Uint8Array | Body): Uint8Array {
  return chunk instanceof Uint8Array ? chunk : chunk.bytes();
}

class PortableBody implements Body {
  readonly byteLength: number;
  #bytes: Uint8Array | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.byteLength = bytes.length;
  }

  slice(start: number, end: number = this.byteLength): Body {
    if (start > end || end > this.byteLength) {
      throw new PangeaError('INTERNAL', `slice ${start}..${end} of a body of ${this.byteLength} bytes`);
    }
    return new PortableBody(this.bytes().subarray(start, end));
  }

  bytes(): Uint8Array {
    if (this.#bytes === undefined) throw new PangeaError('BODY_RELEASED', 'the body was released before this use');
    return this.#bytes;
  }

  copyTo(target: Uint8Array, offset: number): void {
    target.set(this.bytes(), offset);
  }

  release(): void {
    // An empty body holds no memory, and `emptyBody` is shared by everybody.
    if (this.byteLength > 0) this.#bytes = undefined;
  }
}

/** Stands behind the class: a constant is made when the module is loaded. */
export const emptyBody: Body = bodyFrom(new Uint8Array(0));

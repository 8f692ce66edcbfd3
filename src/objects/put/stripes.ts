/** Cuts a stream of plaintext in stripes. */

export interface StripeInput {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
  /** To be given back once the stripe is encoded. */
  readonly buffer?: Uint8Array;
}

/** Smaller chunks are copied together, so that a stripe is never a list of a million crumbs. */
const crumbBytes = 16 * 1024;
const collectedBytes = 256 * 1024;

/** Stripe buffers of one put, used again and again. */
export class StripeBuffers {
  readonly #stripeBytes: number;
  readonly #idle: Uint8Array[] = [];

  constructor(stripeBytes: number) {
    this.#stripeBytes = stripeBytes;
  }

  take(): Uint8Array {
    return this.#idle.pop() ?? new Uint8Array(this.#stripeBytes);
  }

  give(buffer: Uint8Array | undefined): void {
    if (buffer) this.#idle.push(buffer);
  }
}

/**
 * Full stripes, then what is left; nothing for empty content. The first stripe is as long as its content, since most
 * objects have no second one. Later ones are copied to reused buffers: a socket's chunks that live until a stripe is
 * encoded cost V8 some fifty full collections per GiB, those that die at once a third of it.
 */
export async function* cutStripes(content: AsyncIterable<Uint8Array>, stripeBytes: number, buffers: StripeBuffers): AsyncGenerator<StripeInput> {
  const first = new FirstStripe();
  let isFirst = true;
  let buffer: Uint8Array | undefined;
  let bytes = 0;
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + Math.min(chunk.length - at, stripeBytes - bytes));
      at += piece.length;
      if (isFirst) first.add(piece);
      else (buffer ??= buffers.take()).set(piece, bytes);
      bytes += piece.length;
      if (bytes < stripeBytes) continue;
      yield isFirst ? { chunks: first.finish(), bytes } : filled(buffer as Uint8Array, bytes);
      isFirst = false;
      buffer = undefined;
      bytes = 0;
    }
  }
  if (bytes > 0) yield isFirst ? { chunks: first.finish(), bytes } : filled(buffer as Uint8Array, bytes);
}

function filled(buffer: Uint8Array, bytes: number): StripeInput {
  return { chunks: [buffer.subarray(0, bytes)], bytes, buffer };
}

/** Chunks are copied: their source, a get for one, may use their memory again as soon as the next is asked for. */
class FirstStripe {
  readonly #chunks: Uint8Array[] = [];
  #crumbs: { bytes: Uint8Array; used: number } | undefined;

  add(piece: Uint8Array): void {
    if (piece.length >= crumbBytes) {
      this.#flush();
      // Not `slice`: that of a Node buffer shares its memory.
      this.#chunks.push(new Uint8Array(piece));
      return;
    }
    if (this.#crumbs && this.#crumbs.used + piece.length > this.#crumbs.bytes.length) this.#flush();
    if (!this.#crumbs || this.#crumbs.used + piece.length > this.#crumbs.bytes.length) this.#crumbs = { bytes: new Uint8Array(collectedBytes), used: 0 };
    this.#crumbs.bytes.set(piece, this.#crumbs.used);
    this.#crumbs.used += piece.length;
  }

  finish(): readonly Uint8Array[] {
    this.#flush();
    return this.#chunks;
  }

  #flush(): void {
    const crumbs = this.#crumbs;
    if (crumbs && crumbs.used > 0) this.#chunks.push(crumbs.bytes.subarray(0, crumbs.used));
    this.#crumbs = crumbs && crumbs.used < crumbs.bytes.length ? { bytes: crumbs.bytes.subarray(crumbs.used), used: 0 } : undefined;
  }
}

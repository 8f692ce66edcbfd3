/** Cuts a stream of plaintext in stripes without copying it. */

export interface StripeInput {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
}

/** Smaller chunks are copied together, so that a stripe is never a list of a million crumbs. */
const crumbBytes = 16 * 1024;
const collectedBytes = 256 * 1024;

/** Full stripes, then what is left; nothing for empty content. Chunks are kept and must not change any more. */
export async function* cutStripes(content: AsyncIterable<Uint8Array>, stripeBytes: number): AsyncGenerator<StripeInput> {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let crumbs: { bytes: Uint8Array; used: number } | undefined;
  const flushCrumbs = (): void => {
    if (crumbs && crumbs.used > 0) chunks.push(crumbs.bytes.subarray(0, crumbs.used));
    crumbs = crumbs && crumbs.used < crumbs.bytes.length ? { bytes: crumbs.bytes.subarray(crumbs.used), used: 0 } : undefined;
  };
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + Math.min(chunk.length - at, stripeBytes - bytes));
      at += piece.length;
      bytes += piece.length;
      if (piece.length >= crumbBytes) {
        flushCrumbs();
        chunks.push(piece);
      } else {
        if (crumbs && crumbs.used + piece.length > crumbs.bytes.length) flushCrumbs();
        if (!crumbs || crumbs.used + piece.length > crumbs.bytes.length) crumbs = { bytes: new Uint8Array(collectedBytes), used: 0 };
        crumbs.bytes.set(piece, crumbs.used);
        crumbs.used += piece.length;
      }
      if (bytes === stripeBytes) {
        flushCrumbs();
        yield { chunks, bytes };
        chunks = [];
        bytes = 0;
      }
    }
  }
  flushCrumbs();
  if (bytes > 0) yield { chunks, bytes };
}

/**
 * CES: compress (zstd), encrypt (XChaCha20-Poly1305), shard (8+4 Reed–Solomon). One contract, several backends.
 *
 * Two ways to cut, one code (`docs/internals/codec.md`):
 * - **whole**: compress once, seal once, prefix the length, cut in 8 equal slices, add 4 parity. The
 *   bytes of the existing Pangea implementations. Up to 64 MiB of plaintext, objects use it up to 8 MiB.
 * - **striped**: up to 8 segments of plaintext, each compressed and sealed on its own; sealed segment i
 *   is data shard i, parity is computed as if all were zero-padded to the longest. Parity shards have the
 *   length of the longest data shard.
 *
 * Promises: no byte leaves `decodeWhole` or `openSegment` that did not pass authentication. A wrong
 * or damaged shard is never repaired silently: what comes out of `reconstruct` is checked by the caller
 * against the committed identity, what does not open is `CORRUPT`.
 * It keeps no keys and no plaintext for later calls (memory it worked in is reused, not wiped), and draws nonces
 * from the operating system itself.
 *
 * Everything runs off the event loop on the native backend, at most one call a core at a time; the portable one does
 * all its work inside the call (some 30 ms for 8 MiB that are only stored) and settles in microtasks.
 */
import type { Body } from '../body/body.ts';

export {
  dataShards,
  identityBytes,
  maxDictionaryBytes,
  maxSampleBytes,
  maxSegmentBytes,
  maxShardBytes,
  parityShards,
  totalShards,
} from './format.ts';

/** zstd level (1–22), or 'store' for a valid frame of raw blocks, or 'auto': the content decides between storing, the lowest level, and a third of the way up for repetitive data. */
export type Compression = number | { readonly kind: 'auto'; readonly minLevel: number; readonly maxLevel: number } | 'store';

/** Chunks in JavaScript memory, and bodies, as they come from files that were read natively. */
export type Plaintext = readonly (Uint8Array | Body)[];

export interface EncodedShards {
  /** 12 shards, data first. A data row without a segment (last stripe of a short object) has 0 bytes. */
  readonly shards: readonly Body[];
  /** 12 × 32 bytes: BLAKE3-256 of each shard. */
  readonly identities: Uint8Array;
  /** Bytes that the compressor gave, for statistics. */
  readonly compressedBytes: number;
}

/**
 * What small contents of one kind share, known to both sides beforehand: a zstd dictionary (RFC 8878, section 5) of at
 * most `maxDictionaryBytes`, numbered by its bytes (`schema/dictionary.md`). Its bytes must not change while it is in use.
 * What is no dictionary is `DICTIONARY_INVALID`.
 */
export type Dictionary = Uint8Array;

/** Bound into every sealed segment as associated data, so that pieces cannot be swapped (see `schema/segment.md`). */
export interface SegmentContext {
  /** 32 bytes, the layout's public random salt. */
  readonly salt: Uint8Array;
  /** Number of the stripe in the object. */
  readonly stripe: number;
  /** How many segments this stripe has (1–8). */
  readonly segmentsInStripe: number;
}

export interface Codec {
  readonly name: 'native' | 'wasm' | 'portable';
  /** What each stage runs on, for `plan` and the start-up line: e.g. { reedSolomon: 'gfni-avx512', … }. */
  readonly kernels: { readonly compress: string; readonly seal: string; readonly reedSolomon: string; readonly hash: string };

  /** BLAKE3-256 of the bytes. */
  identity(body: Body): Promise<Uint8Array>;
  /** BLAKE3 `derive_key` with a context string; 32 bytes. Synchronous, for inputs up to some KiB (headers, pages, keys). */
  deriveKey(context: string, material: Uint8Array): Uint8Array;
  /** Seals a small thing (manifest): nonce ‖ ciphertext ‖ tag. Synchronous; natively more than 1 MiB is `TOO_LARGE`, so that nobody waits for it. */
  seal(key: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array;
  /** Opens what `seal` made; throws `CORRUPT` when it does not authenticate. */
  open(key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array;

  /** `plaintext` is the concatenation of the chunks. Those in JavaScript memory must not change nor be transferred until the promise settles: threads read them where they lie. */
  encodeWhole(request: {
    plaintext: Plaintext;
    key: Uint8Array;
    compression: Compression;
    dictionary?: Dictionary | undefined;
  }): Promise<EncodedShards>;
  /**
   * 12 places, `null` where missing; at least 8 present and of one length, else `NOT_ENOUGH_SHARDS` / `CORRUPT`. Output is
   * at most `maxBytes`. Content that was compressed with a dictionary needs the same one, else `WRONG_DICTIONARY`; other
   * content takes no notice of it.
   */
  decodeWhole(request: {
    shards: readonly (Body | null)[];
    key: Uint8Array;
    maxBytes: number;
    dictionary?: Dictionary | undefined;
  }): Promise<Body>;

  /** Cuts the concatenated chunks at `segmentLengths` (1–8 of them, each ≤ maxSegmentBytes, sum = total). */
  encodeStripe(request: {
    plaintext: Plaintext;
    segmentLengths: readonly number[];
    key: Uint8Array;
    context: SegmentContext;
    compression: Compression;
    dictionary?: Dictionary | undefined;
  }): Promise<EncodedShards>;
  /**
   * Opens and decompresses one sealed segment to exactly `plaintextBytes`; throws `CORRUPT` when anything does not fit, and
   * `WRONG_DICTIONARY` as `decodeWhole` does.
   */
  openSegment(request: {
    sealed: Body;
    segment: number;
    plaintextBytes: number;
    key: Uint8Array;
    context: SegmentContext;
    dictionary?: Dictionary | undefined;
  }): Promise<Body>;
  /**
   * Learns a dictionary of at most `maxBytes` from samples of what it is for: some hundred, together a hundred times its
   * size and at most `maxSampleBytes`. `DICTIONARY_INVALID` where they have too little in common, `NOT_SUPPORTED` by a
   * backend that cannot learn.
   */
  trainDictionary(samples: readonly Uint8Array[], maxBytes: number): Promise<Dictionary>;

  /**
   * Computes rows from any 8 others. `shards`: 12 places, `null` where missing; `lengths`: every row's true
   * length (parity rows have the longest). Rows of length 0 count as present. Gives the asked rows in order.
   */
  reconstruct(request: {
    shards: readonly (Body | null)[];
    lengths: readonly number[];
    rows: readonly number[];
  }): Promise<Body[]>;
}

export { createNativeCodec } from './backends/native.ts';
export { createWasmCodec, loadWasm, loadWasmLater, type WasmLoad } from './backends/wasm/node.ts';
export { createPortableCodec } from './backends/portable/portable.ts';
export { selfTestCodec } from './selftest.ts';

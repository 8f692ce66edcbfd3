/** One call of the codec as data, so that it can be made in this thread or in another. */
import type { Compression, SegmentContext } from '../../codec.ts';

/** The big bytes of a call stand apart in its inputs; `null` is a shard that is missing. */
export type Inputs = readonly (Uint8Array | null)[];

export type Call =
  | { readonly op: 'identity' }
  /** Inputs: chunks. */
  | { readonly op: 'encodeWhole'; readonly key: Uint8Array; readonly compression: Compression; readonly dictionary?: Uint8Array | undefined }
  /** Inputs: twelve shards. */
  | { readonly op: 'decodeWhole'; readonly key: Uint8Array; readonly maxBytes: number; readonly dictionary?: Uint8Array | undefined }
  /** Inputs: chunks. */
  | {
    readonly op: 'encodeStripe';
    readonly segmentLengths: readonly number[];
    readonly key: Uint8Array;
    readonly context: SegmentContext;
    readonly compression: Compression;
    readonly dictionary?: Uint8Array | undefined;
  }
  /** Input: the sealed segment. */
  | {
    readonly op: 'openSegment';
    readonly segment: number;
    readonly plaintextBytes: number;
    readonly key: Uint8Array;
    readonly context: SegmentContext;
    readonly dictionary?: Uint8Array | undefined;
  }
  /** Inputs: twelve shards. Rows that were given come back empty. */
  | { readonly op: 'reconstruct'; readonly lengths: readonly number[]; readonly rows: readonly number[] }
  /** Inputs: samples. */
  | { readonly op: 'trainDictionary'; readonly maxBytes: number };

export interface Outcome {
  /** All parts one after the other, in memory of their own that may be handed to another thread. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
  /** Of the parts, where shards were made; otherwise empty. */
  readonly identities: Uint8Array<ArrayBuffer>;
  readonly compressedBytes: number;
}

/** The parts of an outcome as views. */
export function partsOf({ bytes, lengths }: Outcome): Uint8Array<ArrayBuffer>[] {
  let at = 0;
  return lengths.map((length) => bytes.subarray(at, (at += length)));
}

/**
 * CES in the addon: compressing, sealing, coding and hashing on threads of its own, shards in native
 * memory. This file only turns requests into the addon's arguments and its errors into ours.
 */
import { nativeBody, type Body } from '../../body/body.ts';
import { asPangeaError } from '../../errors/errors.ts';
import type { Native } from '../../native/native.ts';
import type { Codec, Compression, EncodedShards, SegmentContext } from '../codec.ts';

export function createNativeCodec(native: Native): Codec {
  return new NativeCodec(native);
}

class NativeCodec implements Codec {
  readonly name = 'native';
  readonly kernels: Codec['kernels'];
  readonly #native: Native;

  constructor(native: Native) {
    this.#native = native;
    this.kernels = native.cesKernels();
  }

  identity(body: Body): Promise<Uint8Array> {
    return settle(() => this.#native.cesIdentity(nativeBody(this.#native, body)));
  }

  deriveKey(context: string, material: Uint8Array): Uint8Array {
    return attempt(() => this.#native.cesDeriveKey(context, material));
  }

  seal(key: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return attempt(() => this.#native.cesSeal(key, plaintext, associatedData));
  }

  open(key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return attempt(() => this.#native.cesOpen(key, sealed, associatedData));
  }

  encodeWhole(request: { plaintext: readonly Uint8Array[]; key: Uint8Array; compression: Compression }): Promise<EncodedShards> {
    return settle(() => this.#native.cesEncodeWhole(buffers(request.plaintext), request.key, levels(request.compression)));
  }

  decodeWhole(request: { shards: readonly (Body | null)[]; key: Uint8Array; maxBytes: number }): Promise<Body> {
    return settle(() => this.#native.cesDecodeWhole(this.#bodies(request.shards), request.key, request.maxBytes));
  }

  encodeStripe(request: {
    plaintext: readonly Uint8Array[];
    segmentLengths: readonly number[];
    key: Uint8Array;
    context: SegmentContext;
    compression: Compression;
  }): Promise<EncodedShards> {
    const { plaintext, segmentLengths, key, context, compression } = request;
    return settle(() => this.#native.cesEncodeStripe(buffers(plaintext), [...segmentLengths], key, context, levels(compression)));
  }

  openSegment(request: {
    sealed: Body;
    segment: number;
    plaintextBytes: number;
    key: Uint8Array;
    context: SegmentContext;
  }): Promise<Body> {
    const { sealed, segment, plaintextBytes, key, context } = request;
    return settle(() => this.#native.cesOpenSegment(nativeBody(this.#native, sealed), segment, plaintextBytes, key, context));
  }

  reconstruct(request: { shards: readonly (Body | null)[]; lengths: readonly number[]; rows: readonly number[] }): Promise<Body[]> {
    return settle(() => this.#native.cesReconstruct(this.#bodies(request.shards), [...request.lengths], [...request.rows]));
  }

  #bodies(shards: readonly (Body | null)[]): (InstanceType<Native['NativeBody']> | null)[] {
    return shards.map((shard) => shard && nativeBody(this.#native, shard));
  }
}

/** Runs `call` at once, so that bodies are taken over before the promise is returned. */
async function settle<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asPangeaError(error);
  }
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asPangeaError(error);
  }
}

function buffers(chunks: readonly Uint8Array[]): Buffer[] {
  return chunks.map((chunk) => Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
}

function levels(compression: Compression): { store: boolean; sample: boolean; minLevel: number; maxLevel: number } {
  if (compression === 'store') return { store: true, sample: false, minLevel: 0, maxLevel: 0 };
  if (typeof compression === 'number') return { store: false, sample: false, minLevel: compression, maxLevel: compression };
  return { store: false, sample: true, minLevel: compression.minLevel, maxLevel: compression.maxLevel };
}

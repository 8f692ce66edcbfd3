/**
 * CES in the addon: compressing, sealing, coding and hashing on threads of its own, shards in native
 * memory. This file only turns requests into the addon's arguments and its errors into ours.
 */
import { nativeBody, type Body } from '../../body/body.ts';
import { asPangeaError } from '../../errors/errors.ts';
import type { Native } from '../../native/native.ts';
import type { Codec, Compression, Dictionary, EncodedShards, Plaintext, SegmentContext } from '../codec.ts';

/** Names out of the addon's lists. */
interface NativeEngine {
  readonly kernel: string;
  readonly cipher: string;
}

/** On the first of every list unless told otherwise; `BACKEND_UNAVAILABLE` for what this machine cannot run. */
export function createNativeCodec(native: Native, engine?: NativeEngine): Codec {
  return attempt(() => new NativeCodec(native, engine === undefined ? native.Ces.best() : new native.Ces(engine.kernel, engine.cipher)));
}

class NativeCodec implements Codec {
  readonly name = 'native';
  readonly kernels: Codec['kernels'];
  readonly #native: Native;
  readonly #ces: InstanceType<Native['Ces']>;

  constructor(native: Native, ces: InstanceType<Native['Ces']>) {
    this.#native = native;
    this.#ces = ces;
    this.kernels = ces.kernels();
  }

  identity(body: Body): Promise<Uint8Array> {
    return settle(() => this.#ces.identity(nativeBody(this.#native, body)));
  }

  deriveKey(context: string, material: Uint8Array): Uint8Array {
    return attempt(() => this.#ces.deriveKey(context, material));
  }

  seal(key: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return attempt(() => this.#ces.seal(key, plaintext, associatedData));
  }

  open(key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return attempt(() => this.#ces.open(key, sealed, associatedData));
  }

  encodeWhole(request: {
    plaintext: Plaintext;
    key: Uint8Array;
    compression: Compression;
    dictionary?: Dictionary | undefined;
  }): Promise<EncodedShards> {
    const { plaintext, key, compression, dictionary } = request;
    return settle(() => this.#ces.encodeWhole(this.#chunks(plaintext), key, levels(compression), dictionary));
  }

  decodeWhole(request: {
    shards: readonly (Body | null)[];
    key: Uint8Array;
    maxBytes: number;
    dictionary?: Dictionary | undefined;
  }): Promise<Body> {
    const { shards, key, maxBytes, dictionary } = request;
    return settle(() => this.#ces.decodeWhole(this.#bodies(shards), key, maxBytes, dictionary));
  }

  encodeStripe(request: {
    plaintext: Plaintext;
    segmentLengths: readonly number[];
    key: Uint8Array;
    context: SegmentContext;
    compression: Compression;
    dictionary?: Dictionary | undefined;
  }): Promise<EncodedShards> {
    const { plaintext, segmentLengths, key, context, compression, dictionary } = request;
    return settle(() => this.#ces.encodeStripe(this.#chunks(plaintext), [...segmentLengths], key, context, levels(compression), dictionary));
  }

  openSegment(request: {
    sealed: Body;
    segment: number;
    plaintextBytes: number;
    key: Uint8Array;
    context: SegmentContext;
    dictionary?: Dictionary | undefined;
  }): Promise<Body> {
    const { sealed, segment, plaintextBytes, key, context, dictionary } = request;
    return settle(() => this.#ces.openSegment(nativeBody(this.#native, sealed), segment, plaintextBytes, key, context, dictionary));
  }

  trainDictionary(samples: readonly Uint8Array[], maxBytes: number): Promise<Dictionary> {
    return settle(() => this.#ces.trainDictionary([...samples], maxBytes));
  }

  reconstruct(request: { shards: readonly (Body | null)[]; lengths: readonly number[]; rows: readonly number[] }): Promise<Body[]> {
    return settle(() => this.#ces.reconstruct(this.#bodies(request.shards), [...request.lengths], [...request.rows]));
  }

  #bodies(shards: readonly (Body | null)[]): (InstanceType<Native['NativeBody']> | null)[] {
    return shards.map((shard) => shard && nativeBody(this.#native, shard));
  }

  #chunks(plaintext: Plaintext): (Uint8Array | InstanceType<Native['NativeBody']>)[] {
    return plaintext.map((chunk) => (chunk instanceof Uint8Array ? chunk : nativeBody(this.#native, chunk)));
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

function levels(compression: Compression): { store: boolean; sample: boolean; minLevel: number; maxLevel: number } {
  if (compression === 'store') return { store: true, sample: false, minLevel: 0, maxLevel: 0 };
  if (typeof compression === 'number') return { store: false, sample: false, minLevel: compression, maxLevel: compression };
  return { store: false, sample: true, minLevel: compression.minLevel, maxLevel: compression.maxLevel };
}

/**
 * CES in WebAssembly: the crate of the native backend, compiled for a machine that every engine has.
 *
 * Where calls run is the host's: `node.ts` has threads for them, `browser.ts` the page's own. Small synchronous calls
 * are always made in the thread itself.
 */
import { bodyFrom, type Body } from '../../../body/body.ts';
import type { Codec, Compression, Dictionary, EncodedShards, SegmentContext } from '../../codec.ts';
import { partsOf, type Call, type Inputs, type Outcome } from './call.ts';
import type { Ces } from './core.ts';

/** Makes a call somewhere. The inputs do not change until it settles. */
export type Runner = (call: Call, inputs: Inputs) => Promise<Outcome>;

type Chunks = readonly (Uint8Array | Body)[];

export class WasmCodec implements Codec {
  readonly name = 'wasm';
  readonly kernels: Codec['kernels'];
  readonly #here: Ces;
  readonly #run: Runner;

  constructor(here: Ces, run: Runner) {
    this.#here = here;
    this.#run = run;
    this.kernels = here.kernels();
  }

  async identity(body: Body): Promise<Uint8Array> {
    return (await this.#run({ op: 'identity' }, [body.bytes()])).bytes;
  }

  deriveKey(context: string, material: Uint8Array): Uint8Array {
    return this.#here.deriveKey(context, material);
  }

  seal(key: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return this.#here.seal(key, plaintext, associatedData);
  }

  open(key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return this.#here.open(key, sealed, associatedData);
  }

  async encodeWhole(request: { plaintext: Chunks; key: Uint8Array; compression: Compression; dictionary?: Dictionary | undefined }): Promise<EncodedShards> {
    const { plaintext, key, compression, dictionary } = request;
    return encoded(await this.#run({ op: 'encodeWhole', key, compression, dictionary }, plaintext.map(bytesOf)));
  }

  async decodeWhole(request: { shards: readonly (Body | null)[]; key: Uint8Array; maxBytes: number; dictionary?: Dictionary | undefined }): Promise<Body> {
    const { shards, key, maxBytes, dictionary } = request;
    return bodyFrom((await this.#run({ op: 'decodeWhole', key, maxBytes, dictionary }, shardsOf(shards))).bytes);
  }

  async encodeStripe(request: {
    plaintext: Chunks;
    segmentLengths: readonly number[];
    key: Uint8Array;
    context: SegmentContext;
    compression: Compression;
    dictionary?: Dictionary | undefined;
  }): Promise<EncodedShards> {
    const { plaintext, segmentLengths, key, context, compression, dictionary } = request;
    return encoded(await this.#run({ op: 'encodeStripe', segmentLengths, key, context, compression, dictionary }, plaintext.map(bytesOf)));
  }

  async openSegment(request: {
    sealed: Body;
    segment: number;
    plaintextBytes: number;
    key: Uint8Array;
    context: SegmentContext;
    dictionary?: Dictionary | undefined;
  }): Promise<Body> {
    const { sealed, segment, plaintextBytes, key, context, dictionary } = request;
    return bodyFrom((await this.#run({ op: 'openSegment', segment, plaintextBytes, key, context, dictionary }, [sealed.bytes()])).bytes);
  }

  async trainDictionary(samples: readonly Uint8Array[], maxBytes: number): Promise<Dictionary> {
    return (await this.#run({ op: 'trainDictionary', maxBytes }, samples)).bytes;
  }

  async reconstruct(request: { shards: readonly (Body | null)[]; lengths: readonly number[]; rows: readonly number[] }): Promise<Body[]> {
    const { lengths, rows } = request;
    const given = shardsOf(request.shards);
    const made = partsOf(await this.#run({ op: 'reconstruct', lengths, rows }, given));
    return rows.map((row, at) => bodyFrom(given[row] ?? made[at] ?? new Uint8Array(0)));
  }
}

function encoded(outcome: Outcome): EncodedShards {
  return { shards: partsOf(outcome).map(bodyFrom), identities: outcome.identities, compressedBytes: outcome.compressedBytes };
}

function bytesOf(chunk: Uint8Array | Body): Uint8Array {
  return chunk instanceof Uint8Array ? chunk : chunk.bytes();
}

function shardsOf(shards: readonly (Body | null)[]): (Uint8Array | null)[] {
  return shards.map((shard) => shard && shard.bytes());
}

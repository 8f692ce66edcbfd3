/**
 * The codec's calls on one instance of the module: synchronous, on the thread that calls, without anything of Node's.
 *
 * The instance is made anew after a trap, and after a call that left it with more memory than `maxIdleBytes`,
 * because a module can take memory but not give it back.
 */
import { PangeaError } from '../../../errors/errors.ts';
import type { Codec, Compression, SegmentContext } from '../../codec.ts';
import { keyBytes, maxWholeBytes, totalShards } from '../../format.ts';
import type { Call, Inputs, Outcome } from './call.ts';
import type { WasmModule } from './engine.ts';
import { alignment, CesInstance, type Room } from './instance.ts';

/** What an idle instance may keep: a whole block of 8 MiB and zstd's contexts at usual levels fit twice. */
export const maxIdleBytes = 64 * 1024 * 1024;

/** Bytes of `How` and `Place` in native/wasm. */
const howBytes = 20;
const placeBytes = 48;
/** Rows of a power of two that lie close share the lines of a cache that they map to, which costs a third of the rate. */
const rowGapBytes = 5 * alignment;
const efforts = { store: 0, level: 1, sample: 2 } as const;
const largestWord = 2 ** 32 - 1;

export class Ces {
  readonly #module: WasmModule;
  #instance: CesInstance;

  constructor(module: WasmModule) {
    this.#module = module;
    this.#instance = new CesInstance(module);
  }

  /** What the instance holds now. */
  get memoryBytes(): number {
    return this.#instance.memoryBytes;
  }

  /** What each stage runs on. */
  kernels(): Codec['kernels'] {
    const names = new TextDecoder().decode(this.#run((ces) => ces.ask((module) => module.ces_kernels())).bytes);
    const [reedSolomon = '', seal = '', hash = ''] = names.split('\n');
    return { compress: 'zstd', seal, reedSolomon, hash };
  }

  identity(bytes: Uint8Array): Uint8Array {
    return this.#run((ces) => {
      const { at, length } = ces.put(bytes);
      return ces.ask((module) => module.ces_identity(at, length));
    }).bytes;
  }

  deriveKey(context: string, material: Uint8Array): Uint8Array {
    return this.#run((ces) => {
      const name = ces.put(new TextEncoder().encode(context));
      const from = ces.put(material, true);
      return ces.ask((module) => module.ces_derive_key(name.at, name.length, from.at, from.length));
    }).bytes;
  }

  seal(key: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return this.#withKey(key, (ces, { at }) => {
      const [text, bound] = [ces.put(plaintext), ces.put(associatedData)];
      ces.freshNonces();
      return ces.ask((module) => module.ces_seal(at, text.at, text.length, bound.at, bound.length));
    }).bytes;
  }

  open(key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return this.#withKey(key, (ces, { at }) => {
      const [text, bound] = [ces.put(sealed), ces.put(associatedData)];
      return ces.ask((module) => module.ces_open(at, text.at, text.length, bound.at, bound.length));
    }).bytes;
  }

  /** Any call of `Call`; throws what the codec's contract names. */
  perform(call: Call, inputs: Inputs): Outcome {
    switch (call.op) {
      case 'identity': {
        const identity = this.identity(inputs[0] ?? new Uint8Array(0)) as Uint8Array<ArrayBuffer>;
        return { bytes: identity, lengths: [identity.length], identities: new Uint8Array(0), compressedBytes: 0 };
      }
      case 'encodeWhole': {
        const total = sum(inputs);
        if (total > maxWholeBytes) throw new PangeaError('TOO_LARGE', `${total} bytes; a whole block holds ${maxWholeBytes}`);
        return this.#withKey(call.key, (ces, key) => {
          const plaintext = joined(ces, inputs);
          const how = putHow(ces, call.compression, call.dictionary);
          ces.freshNonces();
          return ces.ask((module) => module.ces_encode_whole(plaintext.at, plaintext.length, key.at, how.at));
        });
      }
      case 'decodeWhole':
        return this.#withKey(call.key, (ces, key) => {
          const shards = putShards(ces, inputs);
          const dictionary = putBytes(ces, call.dictionary);
          // No encoder of the format puts more into a block.
          const maxBytes = Math.min(word(call.maxBytes), maxWholeBytes);
          return ces.ask((module) => module.ces_decode_whole(shards.at, key.at, maxBytes, dictionary.at));
        });
      case 'encodeStripe': {
        const total = call.segmentLengths.reduce((all, length) => all + length, 0);
        if (total !== sum(inputs)) throw new PangeaError('INTERNAL', `segments of ${total} bytes do not fit ${sum(inputs)} of plaintext`);
        return this.#withKey(call.key, (ces, key) => {
          const plaintext = joined(ces, inputs);
          const lengths = putWords(ces, call.segmentLengths);
          const place = putPlace(ces, call.context);
          const how = putHow(ces, call.compression, call.dictionary);
          ces.freshNonces();
          return ces.ask((module) =>
            module.ces_encode_stripe(plaintext.at, plaintext.length, lengths.at, call.segmentLengths.length, key.at, place.at, how.at));
        });
      }
      case 'openSegment':
        return this.#withKey(call.key, (ces, key) => {
          const sealed = joined(ces, inputs);
          const place = putPlace(ces, call.context);
          const dictionary = putBytes(ces, call.dictionary);
          const [segment, plaintextBytes] = [word(call.segment), word(call.plaintextBytes)];
          return ces.ask((module) =>
            module.ces_open_segment(sealed.at, sealed.length, segment, plaintextBytes, key.at, place.at, dictionary.at));
        });
      case 'reconstruct':
        if (call.lengths.length !== totalShards) throw new PangeaError('INTERNAL', `${totalShards} lengths of shards are expected, not ${call.lengths.length}`);
        // More rows than there are name one twice.
        if (call.rows.length > totalShards) throw new PangeaError('INTERNAL', `no such rows: ${call.rows.join()}`);
        return this.#run((ces) => {
          const shards = putShards(ces, inputs);
          const lengths = putWords(ces, call.lengths);
          const rows = putWords(ces, call.rows);
          return ces.ask((module) => module.ces_reconstruct(shards.at, lengths.at, rows.at, call.rows.length));
        });
      case 'trainDictionary':
        return this.#run((ces) => {
          const samples = joined(ces, inputs);
          const lengths = putWords(ces, inputs.map((sample) => sample?.length ?? 0));
          const maxBytes = word(call.maxBytes);
          return ces.ask((module) => module.ces_train(samples.at, lengths.at, inputs.length, maxBytes));
        });
    }
  }

  #withKey<T>(key: Uint8Array, work: (ces: CesInstance, key: Room) => T): T {
    if (key.length !== keyBytes) throw new PangeaError('INTERNAL', `a key has ${keyBytes} bytes, not ${key.length}`);
    return this.#run((ces) => work(ces, ces.put(key, true)));
  }

  #run<T>(work: (ces: CesInstance) => T): T {
    try {
      return work(this.#instance);
    } finally {
      // Keys do not stay behind; what else lay there is left, as in every backend.
      this.#instance.freeAll();
      if (this.#instance.trapped || this.#instance.memoryBytes > maxIdleBytes) this.#instance = new CesInstance(this.#module);
    }
  }
}

function sum(inputs: Inputs): number {
  return inputs.reduce((all, bytes) => all + (bytes?.length ?? 0), 0);
}

function joined(ces: CesInstance, inputs: Inputs): Room {
  const room = ces.room(sum(inputs));
  const view = ces.view(room);
  let at = 0;
  for (const bytes of inputs) {
    if (bytes === null) continue;
    view.set(bytes, at);
    at += bytes.length;
  }
  return room;
}

/** Twelve pairs of address and length; address 0 is a missing shard. */
function putShards(ces: CesInstance, shards: Inputs): Room {
  if (shards.length !== totalShards) throw new PangeaError('INTERNAL', `${totalShards} places of shards are expected, not ${shards.length}`);
  const table = ces.room(totalShards * 8);
  const rows = ces.room(shards.reduce((all, shard) => all + stride(shard?.length ?? 0), 0));
  const [words, view] = [ces.words(table), ces.view(rows)];
  let at = 0;
  for (const [row, shard] of shards.entries()) {
    words.setUint32(row * 8, shard === null ? 0 : rows.at + at, true);
    words.setUint32(row * 8 + 4, shard?.length ?? 0, true);
    if (shard === null) continue;
    view.set(shard, at);
    at += stride(shard.length);
  }
  return table;
}

/** From the start of one row to that of the next. */
function stride(length: number): number {
  return Math.ceil(length / alignment) * alignment + rowGapBytes;
}

function putWords(ces: CesInstance, numbers: readonly number[]): Room {
  const room = ces.room(numbers.length * 4);
  const words = ces.words(room);
  for (const [at, number] of numbers.entries()) words.setUint32(at * 4, word(number), true);
  return room;
}

/** Address and length of bytes, or zeros. */
function putBytes(ces: CesInstance, bytes: Uint8Array | undefined): Room {
  const content = bytes && ces.put(bytes);
  const room = ces.room(8);
  ces.words(room).setUint32(0, content?.at ?? 0, true);
  ces.words(room).setUint32(4, content?.length ?? 0, true);
  return room;
}

function putHow(ces: CesInstance, compression: Compression, dictionary: Uint8Array | undefined): Room {
  const content = dictionary && ces.put(dictionary);
  const room = ces.room(howBytes);
  const words = ces.words(room);
  const [effort, min, max] = compression === 'store' ? [efforts.store, 0, 0]
    : typeof compression === 'number' ? [efforts.level, compression, compression]
    : [efforts.sample, compression.minLevel, compression.maxLevel];
  words.setUint32(0, effort, true);
  words.setInt32(4, min, true);
  words.setInt32(8, max, true);
  words.setUint32(12, content?.at ?? 0, true);
  words.setUint32(16, content?.length ?? 0, true);
  return room;
}

function putPlace(ces: CesInstance, context: SegmentContext): Room {
  if (context.salt.length !== 32) throw new PangeaError('INTERNAL', `a salt has 32 bytes, not ${context.salt.length}`);
  if (!Number.isSafeInteger(context.stripe) || context.stripe < 0) throw new PangeaError('INTERNAL', `no such stripe: ${context.stripe}`);
  const room = ces.room(placeBytes);
  const words = ces.words(room);
  words.setBigUint64(0, BigInt(context.stripe), true);
  words.setUint32(8, word(context.segmentsInStripe), true);
  ces.view(room).set(context.salt, 12);
  return room;
}

/** A number as the module takes it. What is larger than it can count stays too large for everything. */
function word(number: number): number {
  if (!Number.isInteger(number) || number < 0) throw new PangeaError('INTERNAL', `${number} is no count`);
  return Math.min(number, largestWord);
}

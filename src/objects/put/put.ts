/** Plaintext to shards on holders: one object, without a name in any catalogue. */
import type { Codec, Compression, EncodedShards } from '../../codec/codec.ts';
import { maxSegmentBytes } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import { digestOf } from '../../ids/ids.ts';
import { Semaphore, type Clock, type Random } from '../../std/std.ts';
import type { ByteCount } from '../byte-count.ts';
import type { Candidates } from '../candidates.ts';
import { commitUpload } from './commit.ts';
import { CompressionCount } from './compression.ts';
import { deriveObjectKeys, deriverOf, manifestContext, type ObjectKeys } from '../format/keys.ts';
import { buildLayout } from '../format/layout-view.ts';
import { hashOf, type StripeEntry } from '../format/layout.ts';
import { encodeManifest } from '../format/manifest.ts';
import { survivesFailures } from '../format/placement.ts';
import type { RestoreDependencies } from '../repair/restore.ts';
import { segmentLengths } from '../format/segments.ts';
import { dataRows, maxStripes, wholeObjectBytes } from '../format/shape.ts';
import { LevelPolicy } from './level.ts';
import { StageTimes } from './stage-times.ts';
import { cutStripes, StripeBuffers, type StripeInput } from './stripes.ts';
import type { PutObjectOptions, StoredObject } from './tree-put.ts';
import type { AckLevel } from '../types.ts';
import { Upload } from './upload.ts';

export interface PutDependencies extends RestoreDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly candidates: Candidates;
  readonly objectKey: (salt: Uint8Array) => Uint8Array;
  /** Plaintext and shards that puts hold at this moment. */
  readonly inFlight: ByteCount;
  /** Is told the zstd level of every stripe of an object that has several. */
  readonly levelChosen: (level: number) => void;
  readonly settings: {
    readonly segmentBytes: number;
    readonly compression: Compression;
    readonly ack: AckLevel;
    readonly putWindowStripes: number;
  };
}

export interface PutObjectResult extends StoredObject {
  readonly createdMs: number;
}

/** Shards up to this size travel inside the layout request: one round trip and one fsync a holder. */
const inlineShardBytes = 64 * 1024;

/** Throws `NOT_ENOUGH_PEERS`, `DURABILITY_NOT_REACHED`, `TOO_LARGE`, `ABORTED`, and what the content throws. */
export async function putObject(
  dependencies: PutDependencies, content: AsyncIterable<Uint8Array>, options: PutObjectOptions,
): Promise<PutObjectResult> {
  const failure = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failure.signal]) : failure.signal;
  try {
    return await new ObjectPut(dependencies, options, signal, failure).run(content);
  } catch (error) {
    failure.abort(error);
    if (options.signal?.aborted) throw new PangeaError('ABORTED', 'the put was given up', { cause: error });
    throw failure.signal.reason ?? error;
  }
}

class ObjectPut {
  readonly #dependencies: PutDependencies;
  readonly #options: PutObjectOptions;
  readonly #signal: AbortSignal;
  readonly #failure: AbortController;
  readonly #salt: Uint8Array;
  readonly #key: Uint8Array;
  readonly #keys: ObjectKeys;
  readonly #upload: Upload;
  readonly #segmentBytes: number;
  readonly #buffers: StripeBuffers;
  readonly #entries: StripeEntry[] = [];
  readonly #times: StageTimes;
  readonly #policy: LevelPolicy | undefined;
  readonly #compressed = new CompressionCount();
  #plaintextBytes = 0;

  constructor(dependencies: PutDependencies, options: PutObjectOptions, signal: AbortSignal, failure: AbortController) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#signal = signal;
    this.#failure = failure;
    this.#salt = dependencies.random.bytes(32);
    this.#key = dependencies.objectKey(this.#salt);
    this.#keys = deriveObjectKeys(deriverOf(dependencies.codec), this.#key);
    this.#segmentBytes = segmentBytesFor(dependencies.settings.segmentBytes, options.expectedBytes);
    this.#buffers = new StripeBuffers(this.#segmentBytes * dataRows);
    const { compression, putWindowStripes } = dependencies.settings;
    this.#times = new StageTimes(dependencies.clock);
    this.#policy = typeof compression === 'object' ? new LevelPolicy(compression, putWindowStripes) : undefined;
    this.#upload = new Upload({
      calls: dependencies.calls, logger: dependencies.logger, id: dependencies.random.bytes(32), salt: this.#salt,
      candidates: dependencies.candidates.forWriting(), signal,
    });
  }

  async run(content: AsyncIterable<Uint8Array>): Promise<PutObjectResult> {
    const stripes = cutStripes(content, this.#segmentBytes * dataRows, this.#buffers);
    try {
      const first = await this.#next(stripes);
      const mayBeWhole = (first?.bytes ?? 0) <= Math.min(wholeObjectBytes, this.#segmentBytes * dataRows);
      const second = first && mayBeWhole ? await this.#next(stripes) : undefined;
      if (mayBeWhole && !second) return await this.#putWhole(first);
      await this.#putStripes([first, second], stripes);
      return await this.#commit('striped', undefined);
    } finally {
      // Not awaited: a source that hangs must not hold up the failure of the put.
      stripes.return(undefined).catch(() => undefined);
    }
  }

  /** The next stripe, or the failure of the transfer, whichever is first. */
  async #next(stripes: AsyncGenerator<StripeInput>): Promise<StripeInput | undefined> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(this.#signal.reason as Error);
    if (this.#signal.aborted) onAbort();
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      const next = await Promise.race([stripes.next(), aborted.promise]);
      if (next.done) {
        this.#checkCount();
        return undefined;
      }
      this.#plaintextBytes += next.value.bytes;
      return next.value;
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }

  #checkCount(): void {
    const { expectedBytes } = this.#options;
    if (expectedBytes !== undefined && expectedBytes !== this.#plaintextBytes) {
      throw new PangeaError('USAGE', `the content has ${this.#plaintextBytes} bytes, but ${expectedBytes} were announced`);
    }
  }

  async #putWhole(input: StripeInput | undefined): Promise<PutObjectResult> {
    const { codec, settings, inFlight } = this.#dependencies;
    const { compression } = settings;
    const encoded = await codec.encodeWhole({
      plaintext: input?.chunks ?? [], key: this.#keys.dataKey, compression, dictionary: this.#options.dictionary?.bytes,
    });
    this.#compressed.add(compression, encoded, input?.bytes ?? 0);
    const bytes = (input?.bytes ?? 0) + shardBytes(encoded);
    inFlight.add(bytes);
    try {
      this.#entries.push(entryOf(encoded));
      const isInline = (encoded.shards[0]?.byteLength ?? 0) <= inlineShardBytes;
      if (!isInline) await this.#upload.sendStripe(0, encoded);
      return await this.#commit('whole', isInline ? encoded : undefined);
    } finally {
      for (const shard of encoded.shards) shard.release();
      inFlight.add(-bytes);
    }
  }

  async #putStripes(read: readonly (StripeInput | undefined)[], stripes: AsyncGenerator<StripeInput>): Promise<void> {
    const window = new Semaphore(this.#dependencies.settings.putWindowStripes);
    const underWay = new Set<Promise<void>>();
    const early = [...read];
    try {
      for (let stripe = 0; ; stripe++) {
        await this.#times.during('waiting', () => window.acquire());
        const input = early.shift() ?? (await this.#next(stripes));
        this.#signal.throwIfAborted();
        if (!input) break;
        if (stripe === maxStripes) throw new PangeaError('TOO_LARGE', `an object has at most ${maxStripes} stripes of ${this.#segmentBytes * dataRows} bytes`);
        const task = this.#putStripe(stripe, input, this.#nextCompression()).catch((error: unknown) => this.#failure.abort(error)).finally(() => {
          window.release();
          underWay.delete(task);
        });
        underWay.add(task);
      }
    } finally {
      await Promise.all(underWay);
    }
    this.#signal.throwIfAborted();
  }

  /** The configured range, narrowed to the one level that suits what the stripes before waited for. */
  #nextCompression(): Compression {
    const { settings, levelChosen } = this.#dependencies;
    if (!this.#policy) return settings.compression;
    const level = this.#policy.next(this.#times.lap());
    levelChosen(level);
    return { kind: 'auto', minLevel: level, maxLevel: level };
  }

  async #putStripe(stripe: number, input: StripeInput, compression: Compression): Promise<void> {
    const { codec, inFlight } = this.#dependencies;
    const lengths = segmentLengths(input.bytes);
    inFlight.add(input.bytes);
    let encoded: EncodedShards | undefined;
    let bytes = input.bytes;
    try {
      const made = await this.#times.during('encoding', () => codec.encodeStripe({
        plaintext: input.chunks, segmentLengths: lengths, key: this.#keys.dataKey, compression,
        context: { salt: this.#salt, stripe, segmentsInStripe: lengths.length }, dictionary: this.#options.dictionary?.bytes,
      }));
      encoded = made;
      this.#compressed.add(compression, made, input.bytes);
      this.#buffers.give(input.buffer);
      inFlight.add(shardBytes(encoded) - input.bytes);
      bytes = shardBytes(encoded);
      this.#entries[stripe] = entryOf(encoded);
      await this.#times.during('sending', () => this.#upload.sendStripe(stripe, made));
    } finally {
      for (const shard of encoded?.shards ?? []) shard.release();
      inFlight.add(-bytes);
    }
  }

  async #commit(mode: 'whole' | 'striped', inline: EncodedShards | undefined): Promise<PutObjectResult> {
    const { codec, clock, settings } = this.#dependencies;
    const deriveKey = deriverOf(codec);
    const segmentBytes = mode === 'whole' ? 0 : this.#segmentBytes;
    const createdMs = clock.nowMs();
    const { name, mediaType, kind, dictionary } = this.#options;
    const manifest = encodeManifest({
      kind, name, mediaType, plaintextBytes: this.#plaintextBytes, createdMs, segmentBytes,
      ...(dictionary && { dictionary: { root: dictionary.root, key: dictionary.key } }),
    });
    const sealedManifest = codec.seal(this.#keys.manifestKey, manifest, manifestContext(this.#salt));
    const layout = buildLayout(deriveKey, {
      mode, segmentBytes, salt: this.#salt, keyCommitment: this.#keys.commitment, deleteTag: this.#keys.deleteTag,
      manifestBytes: sealedManifest.length, manifestHash: hashOf.manifest(deriveKey, sealedManifest),
    }, this.#entries);
    const asked = this.#options.ack ?? settings.ack;
    const committed = await commitUpload(this.#dependencies, {
      upload: this.#upload, layout, sealedManifest, deleteSecret: this.#keys.deleteSecret, ack: asked, inline, signal: this.#signal,
    });
    const metadataBytes = layout.headerBytes.length + sealedManifest.length
      + [...layout.pages, ...layout.indexes].reduce((sum, page) => sum + page.length, 0);
    return {
      root: layout.view.root, key: this.#key, plaintextBytes: this.#plaintextBytes, createdMs,
      storedBytes: layout.view.header.storedBytes + metadataBytes * committed.holders,
      survivesFailures: survivesFailures(this.#upload.slots),
      ack: { asked, ...committed },
      compression: this.#compressed.report(dictionary && digestOf(dictionary.root)),
    };
  }
}

/** Longer segments where the announced size would need more stripes than a layout has. */
function segmentBytesFor(settingBytes: number, expectedBytes: number | undefined): number {
  let bytes = settingBytes;
  while (bytes < maxSegmentBytes && (expectedBytes ?? 0) > bytes * dataRows * maxStripes) bytes *= 2;
  return bytes;
}

function entryOf(encoded: EncodedShards): StripeEntry {
  return { lengths: encoded.shards.map((shard) => shard.byteLength), identities: encoded.identities };
}

function shardBytes(encoded: EncodedShards): number {
  return encoded.shards.reduce((sum, shard) => sum + shard.byteLength, 0);
}

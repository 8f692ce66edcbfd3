/**
 * CES without our addon: libsodium, Node's own zstd, and Reed–Solomon in TypeScript.
 *
 * All work is done inside the call, and promises settle in microtasks: no threads and no timers, so
 * that a simulated world that uses this codec stays reproducible. The price is that a stripe of 8 MiB
 * holds the event loop for some 30 ms (stored) to 150 ms (zstd level 3).
 */
import { randomFillSync } from 'node:crypto';
import { bodyFrom, bytesOfChunk, type Body } from '../../../body/body.ts';
import { concatBytes } from '../../../std/std.ts';
import { PangeaError } from '../../../errors/errors.ts';
import type { Codec, Compression, Dictionary, EncodedShards, Plaintext, SegmentContext } from '../../codec.ts';
import { dataShards, maxWholeBytes, nonceBytes, tagBytes } from '../../format.ts';
import { decompress, decompressExactly, frameAround, type Frame } from './compress.ts';
import { hash } from './hash.ts';
import { parityOf, rebuild } from './reedSolomon.ts';
import { checkPlaces, checkRows, choosePresent, type Rows } from './rows.ts';
import { openInPlace, openSealed, sealInPlace, sealOverheadBytes } from './seal.ts';
import { segmentAssociatedData } from './segment.ts';
import { maxWholeShardBytes, newWholeBlock, sealedInWhole } from './whole.ts';

interface PortableCodecOptions {
  /** Where nonces come from; the operating system unless a simulation brings its own seeded source. */
  readonly nonce?: (length: number) => Uint8Array;
}

export function createPortableCodec(options: PortableCodecOptions = {}): Codec {
  return new PortableCodec(options.nonce ?? ((length) => randomFillSync(new Uint8Array(length))));
}

class PortableCodec implements Codec {
  readonly name = 'portable';
  readonly kernels = { compress: 'node:zlib zstd', seal: 'libsodium', reedSolomon: 'javascript tables', hash: hash.name };
  readonly #nonce: (length: number) => Uint8Array;

  constructor(nonce: (length: number) => Uint8Array) {
    this.#nonce = nonce;
  }

  async identity(body: Body): Promise<Uint8Array> {
    return hash.hash(body.bytes());
  }

  deriveKey(context: string, material: Uint8Array): Uint8Array {
    return hash.deriveKey(context, material);
  }

  seal(key: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(plaintext.length + sealOverheadBytes);
    sealed.set(plaintext, nonceBytes);
    sealInPlace(sealed, key, this.#nonce(nonceBytes), associatedData);
    return sealed;
  }

  open(key: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array {
    return openSealed(key, sealed, associatedData);
  }

  async encodeWhole(request: {
    plaintext: Plaintext;
    key: Uint8Array;
    compression: Compression;
    dictionary?: Dictionary | undefined;
  }): Promise<EncodedShards> {
    const content = joined(request.plaintext);
    if (content.length > maxWholeBytes) throw new PangeaError('TOO_LARGE', `${content.length} bytes; a whole block holds ${maxWholeBytes}`);
    const frame = frameAround(content, request.compression, request.dictionary);
    const block = newWholeBlock(frame.byteLength + sealOverheadBytes);
    this.#sealFrame(block.sealed, frame, request.key, null);
    return encoded(block.slices, frame.byteLength);
  }

  async decodeWhole(request: {
    shards: readonly (Body | null)[];
    key: Uint8Array;
    maxBytes: number;
    dictionary?: Dictionary | undefined;
  }): Promise<Body> {
    checkPlaces(request.shards.length);
    const rows = bytesOf(request.shards);
    const present = choosePresent(rows);
    const shardBytes = (rows[present[0] as number] as Uint8Array).length;
    if (rows.some((row) => row !== null && row.length !== shardBytes)) throw new PangeaError('CORRUPT', 'the shards of a whole block differ in length');
    if (shardBytes > maxWholeShardBytes) throw new PangeaError('TOO_LARGE', `a shard of ${shardBytes} bytes is longer than any that is made`);
    const missing = Array.from({ length: dataShards }, (_, row) => row).filter((row) => rows[row] === null);
    const rebuilt = rebuild(rows, present, missing, rows.map(() => shardBytes));
    const slices = Array.from({ length: dataShards }, (_, row) => (rows[row] ?? rebuilt[missing.indexOf(row)]) as Uint8Array);
    return bodyFrom(decompress(openInPlace(request.key, sealedInWhole(slices), null), request.maxBytes, request.dictionary));
  }

  async encodeStripe(request: {
    plaintext: Plaintext;
    segmentLengths: readonly number[];
    key: Uint8Array;
    context: SegmentContext;
    compression: Compression;
    dictionary?: Dictionary | undefined;
  }): Promise<EncodedShards> {
    const { segmentLengths: lengths, context } = request;
    const content = joined(request.plaintext);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    if (lengths.length !== context.segmentsInStripe || total !== content.length) {
      throw new PangeaError('INTERNAL', `${lengths.length} segments of ${total} bytes do not fit a stripe of ${context.segmentsInStripe} with ${content.length}`);
    }
    let at = 0;
    let compressedBytes = 0;
    const data = lengths.map((length, segment) => {
      const associatedData = segmentAssociatedData(context, segment, length);
      const frame = frameAround(content.subarray(at, at + length), request.compression, request.dictionary);
      at += length;
      compressedBytes += frame.byteLength;
      const sealed = new Uint8Array(frame.byteLength + sealOverheadBytes);
      this.#sealFrame(sealed, frame, request.key, associatedData);
      return sealed;
    });
    while (data.length < dataShards) data.push(new Uint8Array(0));
    return encoded(data, compressedBytes);
  }

  async openSegment(request: {
    sealed: Body;
    segment: number;
    plaintextBytes: number;
    key: Uint8Array;
    context: SegmentContext;
    dictionary?: Dictionary | undefined;
  }): Promise<Body> {
    const { segment, plaintextBytes, context } = request;
    const frame = openSealed(request.key, request.sealed.bytes(), segmentAssociatedData(context, segment, plaintextBytes));
    return bodyFrom(decompressExactly(frame, plaintextBytes, request.dictionary));
  }

  async trainDictionary(): Promise<Dictionary> {
    throw new PangeaError('NOT_SUPPORTED', 'Node.js uses dictionaries but learns none: run the node with its native addon, or make one with "zstd --train" and put it');
  }

  async reconstruct(request: { shards: readonly (Body | null)[]; lengths: readonly number[]; rows: readonly number[] }): Promise<Body[]> {
    const rows = checkRows(bytesOf(request.shards), request.lengths);
    if (request.rows.some((row, at) => !(row in rows) || request.rows.indexOf(row) !== at)) throw new PangeaError('INTERNAL', `no such rows: ${request.rows.join()}`);
    const absent = request.rows.filter((row) => rows[row] === null);
    const present = choosePresent(rows);
    const rebuilt = rebuild(rows, present, absent, request.lengths);
    return request.rows.map((row) => bodyFrom((rows[row] ?? rebuilt[absent.indexOf(row)]) as Uint8Array));
  }

  #sealFrame(target: Uint8Array, frame: Frame, key: Uint8Array, associatedData: Uint8Array | null): void {
    frame.writeTo(target.subarray(nonceBytes, target.length - tagBytes));
    sealInPlace(target, key, this.#nonce(nonceBytes), associatedData);
  }
}

function encoded(data: readonly Uint8Array[], compressedBytes: number): EncodedShards {
  const shards = [...data, ...parityOf(data)];
  return { shards: shards.map(bodyFrom), identities: concatBytes(...shards.map((shard) => hash.hash(shard))), compressedBytes };
}

function bytesOf(shards: readonly (Body | null)[]): Rows {
  return shards.map((shard) => shard?.bytes() ?? null);
}

function joined(plaintext: Plaintext): Uint8Array {
  const chunks = plaintext.map(bytesOfChunk);
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : concatBytes(...chunks);
}

/** Blocks that clients of the existing network have coded by this node: twelve shards under a key that the node keeps. */
import { bodyFrom, type Body } from '../body/body.ts';
import { totalShards, type Codec, type Compression } from '../codec/codec.ts';
import { PangeaError } from '../errors/errors.ts';
import { mapConcurrent, Semaphore, type Clock } from '../std/std.ts';

export const blockLimits = {
  bytes: 64 * 1024 * 1024,
  /** Sealed, with its length, in eighths: never more than this for a block of the most bytes. */
  shardBytes: 9 * 1024 * 1024,
  /** A block takes some four times its size while it is worked on. */
  atOnce: 2,
  /** Of all calls, under way or waiting. */
  admittedBytes: 256 * 1024 * 1024,
  /** Copied out of native memory in one turn of the event loop: 1 ms or less. */
  copyBytes: 1024 * 1024,
} as const;

/**
 * The key comes from the owner's secret, so that blocks can be read again after a restart, by another node of the same owner,
 * and with the recovery phrase. The context is frozen: blocks depend on it.
 */
export const blockKeyContext = 'pangea-node 1 ces block key';

export interface BlocksParts {
  readonly codec: Codec;
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly compression: () => Compression;
  readonly clock: Clock;
}

export class Blocks {
  readonly #parts: BlocksParts;
  readonly #permits = new Semaphore(blockLimits.atOnce);
  #admittedBytes = 0;

  constructor(parts: BlocksParts) {
    this.#parts = parts;
  }

  /** Twelve shards, data first. A level outside 1–19 takes the configured range. Throws `TOO_LARGE`, `TOO_MANY`. */
  process(data: Uint8Array, level: number): Promise<readonly Uint8Array[]> {
    const { codec, key, compression } = this.#parts;
    if (data.length > blockLimits.bytes) throw new PangeaError('TOO_LARGE', `a block has at most ${blockLimits.bytes} bytes`);
    return this.#admitted(data.length, async () => {
      const isLevel = Number.isInteger(level) && level >= 1 && level <= 19;
      const { shards } = await codec.encodeWhole({ plaintext: [data], key, compression: isLevel ? level : compression() });
      return mapConcurrent(shards, 1, (shard) => this.#copied(shard));
    });
  }

  /** Throws `NOT_ENOUGH_SHARDS`, `CORRUPT` for shards of another key or damaged ones, `USAGE`, `TOO_MANY`. */
  reconstruct(shards: readonly (Uint8Array | undefined)[]): Promise<Uint8Array> {
    const { codec, key } = this.#parts;
    if (shards.length > totalShards) throw new PangeaError('USAGE', `a block has ${totalShards} shards, not ${shards.length}`);
    if (shards.some((shard) => (shard?.length ?? 0) > blockLimits.shardBytes)) throw new PangeaError('TOO_LARGE', `a shard of a block has at most ${blockLimits.shardBytes} bytes`);
    const bytes = shards.reduce((sum, shard) => sum + (shard?.length ?? 0), 0);
    return this.#admitted(bytes, async () => {
      const bodies = Array.from({ length: totalShards }, (_, row) => (shards[row] === undefined || shards[row].length === 0 ? null : bodyFrom(shards[row])));
      return this.#copied(await codec.decodeWhole({ shards: bodies, key, maxBytes: blockLimits.bytes }));
    });
  }

  /** The content as memory of JavaScript, without holding up others for a whole block. */
  async #copied(body: Body): Promise<Uint8Array> {
    const bytes = new Uint8Array(body.byteLength);
    for (let at = 0; at < bytes.length; at += blockLimits.copyBytes) {
      if (at > 0) await this.#parts.clock.sleep(0);
      const part = body.slice(at, Math.min(at + blockLimits.copyBytes, bytes.length));
      part.copyTo(bytes, at);
      part.release();
    }
    body.release();
    return bytes;
  }

  async #admitted<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#admittedBytes > 0 && this.#admittedBytes + bytes > blockLimits.admittedBytes) throw new PangeaError('TOO_MANY', 'too many blocks are being worked on: try again later');
    this.#admittedBytes += bytes;
    try {
      return await this.#permits.run(work);
    } finally {
      this.#admittedBytes -= bytes;
    }
  }
}

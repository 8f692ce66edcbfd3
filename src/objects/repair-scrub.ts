/** Reads own shards in turn, so that bytes which a disk lost are noticed while eight other rows are still there. */
import { isPangeaError } from '../errors/errors.ts';
import type { Digest } from '../ids/ids.ts';
import { recordKind, type RecordInfo, type ShardStore } from '../store/store.ts';
import type { HeldObject, HeldObjects } from './held.ts';

export class Scrubber {
  readonly #store: ShardStore;
  readonly #held: HeldObjects;
  /** Where the last round ended; objects that came meanwhile wait for the next circle. */
  #waiting: { readonly digest: Digest; from: number }[] = [];

  constructor(store: ShardStore, held: HeldObjects) {
    this.#store = store;
    this.#held = held;
  }

  /** Reads about `bytes` of shards, each at most once; what does not match its identity is marked as damaged. */
  async round(bytes: number): Promise<void> {
    let left = bytes;
    if (this.#waiting.length === 0) this.#waiting = this.#held.list().map(({ digest }) => ({ digest, from: 0 }));
    while (left > 0) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      const object = this.#held.get(next.digest);
      const shards = object === undefined ? [] : this.#shards(object);
      for (; object !== undefined && next.from < shards.length && left > 0; next.from++) {
        const shard = shards[next.from] as RecordInfo;
        left -= shard.byteLength;
        await this.#verify(object, shard);
      }
      if (object === undefined || next.from >= shards.length) this.#waiting.shift();
    }
  }

  #shards(object: HeldObject): readonly RecordInfo[] {
    return this.#store.records(object.objectId).filter(({ key }) => key.kind === recordKind.shard);
  }

  async #verify(object: HeldObject, { key }: RecordInfo): Promise<void> {
    try {
      (await this.#store.get(key))?.release();
    } catch (error) {
      if (!isPangeaError(error, 'CORRUPT')) throw error;
      this.#held.markDamaged(object, key.stripe, key.row);
    }
  }
}

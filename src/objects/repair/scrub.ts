/** Reads own records in turn, so that bytes which a disk lost are noticed while others still have them. */
import { isPangeaError } from '../../errors/errors.ts';
import type { Digest } from '../../ids/ids.ts';
import { equalBytes } from '../../std/std.ts';
import { recordKind, type RecordInfo, type RecordKey, type ShardStore } from '../../store/store.ts';
import type { HeldObject, HeldObjects } from '../holder/held.ts';

export class Scrubber {
  readonly #store: ShardStore;
  readonly #held: HeldObjects;
  /** Where the last round ended; objects that came meanwhile wait for the next circle. */
  #waiting: { readonly digest: Digest; from: number }[] = [];

  constructor(store: ShardStore, held: HeldObjects) {
    this.#store = store;
    this.#held = held;
  }

  /**
   * Reads about `bytes` of records, each at most once. Shards that do not match their identity are marked as damaged;
   * given are the objects of which something else is.
   */
  async round(bytes: number): Promise<readonly HeldObject[]> {
    let left = bytes;
    const damaged = new Set<HeldObject>();
    if (this.#waiting.length === 0) this.#waiting = this.#held.list().map(({ digest }) => ({ digest, from: 0 }));
    while (left > 0) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      const object = this.#held.get(next.digest);
      const records = object === undefined ? [] : this.#records(object);
      for (; object !== undefined && next.from < records.length && left > 0; next.from++) {
        const { key, byteLength } = records[next.from] as RecordInfo;
        left -= byteLength;
        if (await this.#isSound(key)) continue;
        if (key.kind === recordKind.shard) this.#held.markDamaged(object, key.stripe, key.row);
        else damaged.add(object);
      }
      if (object === undefined || next.from >= records.length) this.#waiting.shift();
    }
    return [...damaged];
  }

  /** Layout and shards; they lie under one key unless the object came as an upload. */
  #records({ root, objectId }: HeldObject): readonly RecordInfo[] {
    const own = this.#store.records(root);
    return equalBytes(root, objectId) ? own : [...own, ...this.#store.records(objectId)];
  }

  async #isSound(key: RecordKey): Promise<boolean> {
    try {
      (await this.#store.get(key))?.release();
      return true;
    } catch (error) {
      // A sector that cannot be read is lost like one that reads wrong, and must not keep the rounds from what lies behind it.
      if (!isPangeaError(error, 'CORRUPT') && !isPangeaError(error, 'STORE_IO')) throw error;
      return false;
    }
  }
}

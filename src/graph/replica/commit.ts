import { asPangeaError, type PangeaError } from '../../errors/errors.ts';
import type { Clock, Timer } from '../../std/std.ts';
import type { Delta } from '../data/types.ts';
import type { GraphStore } from '../storage/storage.ts';
import type { ReplicaLimits } from './limits.ts';

interface Batch {
  readonly deltas: Delta[];
  fields: number;
  readonly done: Promise<void>;
  readonly settle: (error?: PangeaError) => void;
}

/**
 * Group commit: one write of the store is under way, what comes meanwhile goes into the next. A write that fails fails
 * everyone who waits for it, and its deltas go into the next again: memory has them, so without that a repetition of
 * the same put would find nothing new and be acknowledged with nothing stored.
 */
export class GroupCommit {
  readonly #store: GraphStore;
  readonly #clock: Clock;
  readonly #limits: ReplicaLimits;
  readonly #batches: Batch[] = [];
  #failed: Delta[] = [];
  #writing: { readonly done: Promise<void>; readonly deltas: readonly Delta[] } | undefined;
  #unstored = 0;
  #failedWrites = 0;
  #failuresInRow = 0;
  #pause: Timer | undefined;
  #closed = false;

  constructor(store: GraphStore, clock: Clock, limits: ReplicaLimits) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = limits;
  }

  get unstored(): number {
    return this.#unstored;
  }

  get failedWrites(): number {
    return this.#failedWrites;
  }

  add(delta: Delta): void {
    const last = this.#batches.at(-1);
    const batch = last && last.fields < this.#limits.fieldsPerWrite ? last : this.#open();
    batch.deltas.push(delta);
    batch.fields += delta.fields.length;
    this.#unstored += delta.fields.length;
  }

  /** Of everything added so far. */
  stored(): Promise<void> {
    const last = this.#batches.at(-1);
    if (last) return last.done;
    if (this.#failed.length > 0) return this.#open().done;
    return this.#writing?.done ?? Promise.resolve();
  }

  /** Everything that the store does not have yet. */
  *deltas(): IterableIterator<Delta> {
    yield* this.#failed;
    if (this.#writing) yield* this.#writing.deltas;
    for (const batch of this.#batches) yield* batch.deltas;
  }

  /** Does not wait for the pause after a failure. */
  async flush(): Promise<void> {
    while (this.#unstored > 0) {
      const done = this.stored();
      this.#resume();
      await done;
    }
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      this.#closed = true;
      this.#pause?.cancel();
    }
  }

  #open(): Batch {
    let settle: Batch['settle'] = () => {};
    const done = new Promise<void>((resolve, reject) => {
      settle = (error) => (error ? reject(error) : resolve());
    });
    // Whoever needs to know awaits it; nobody may be waiting.
    done.catch(() => {});
    const batch = { deltas: [], fields: 0, done, settle };
    this.#batches.push(batch);
    // Puts of the same turn share a write.
    if (this.#batches.length === 1 && !this.#writing && !this.#pause) queueMicrotask(() => void this.#write());
    return batch;
  }

  #resume(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    void this.#write();
  }

  async #write(): Promise<void> {
    while (!this.#writing && !this.#pause && !this.#closed) {
      const batch = this.#batches.shift();
      if (!batch) return;
      const deltas = this.#failed.length === 0 ? batch.deltas : [...this.#failed, ...batch.deltas];
      this.#writing = { done: batch.done, deltas };
      this.#failed = [];
      let error: PangeaError | undefined;
      try {
        await this.#store.write(deltas);
      } catch (cause) {
        error = asPangeaError(cause, 'STORE_IO');
      }
      this.#writing = undefined;
      if (error) this.#fail(deltas);
      else {
        this.#failuresInRow = 0;
        for (const delta of deltas) this.#unstored -= delta.fields.length;
      }
      batch.settle(error);
    }
  }

  #fail(deltas: readonly Delta[]): void {
    this.#failed = [...deltas];
    this.#failedWrites++;
    const pauseMs = Math.min(this.#limits.retryMs * 2 ** this.#failuresInRow++, this.#limits.retryLimitMs);
    this.#pause = this.#clock.after(pauseMs, () => {
      if (this.#batches.length === 0) this.#open();
      this.#resume();
    });
  }
}

/** Gives deleted space back from time to time. When it is worth it is the store's to say; here is only the clock. */
import type { ShardStore } from '../store/store.ts';
import type { Clock, Timer } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';

export interface CompactionParts {
  readonly store: Pick<ShardStore, 'compact' | 'usage'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const pauseMs = 10 * 60_000;

export class Compaction {
  readonly #parts: CompactionParts;
  #timer: Timer | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: CompactionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = this.#parts.clock.after(pauseMs, () => {
      this.#underWay = this.#round().finally(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  /** Resolves when no round is under way any more. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    return this.#underWay;
  }

  async #round(): Promise<void> {
    const { store, logger } = this.#parts;
    try {
      if (store.usage().garbageBytes === 0) return;
      const reclaimedBytes = await store.compact();
      if (reclaimedBytes > 0) logger.info({ reclaimedBytes }, 'space of deleted shards was given back');
    } catch (error) {
      // A full or failing disk shows in the store's own answers; the next round tries again.
      logger.warn({ error }, 'the shard store could not be compacted');
    }
  }
}

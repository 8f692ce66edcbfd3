import { localSoul } from '../data/local-soul.ts';
import type { Clock, Timer } from '../../std/std.ts';
import type { GraphStore } from '../storage/storage.ts';

const key = 'sent';
/** How often the mark may move, milliseconds. */
const everyMs = 5_000;
/** Clocks are set: what is younger than the mark less this is sent again, milliseconds. */
const slackMs = 60_000;

/**
 * Until which state everything of a durable store has reached a relay. The outbox is memory; after a restart, whatever
 * in the store is younger than the mark goes into it again, so that a page that was loaded again, or a process that
 * died, still sends what it wrote while it was offline. Of what others wrote meanwhile some goes with it, in vain.
 */
export class SentMark {
  readonly #store: GraphStore;
  readonly #clock: Clock;
  /** True when nothing waits to be sent. */
  readonly #sent: () => boolean;
  /** The mark of before is read. */
  readonly ready: Promise<void>;
  #timer: Timer | undefined;
  #changed = false;
  #afterMs = Number.NEGATIVE_INFINITY;

  constructor(store: GraphStore, clock: Clock, sent: () => boolean) {
    this.#store = store;
    this.#clock = clock;
    this.#sent = sent;
    // Without it all is taken for not sent.
    this.ready = this.#read().catch(() => {});
  }

  /** States above it may not have been sent. */
  get afterMs(): number {
    return this.#afterMs - slackMs;
  }

  /** Something was merged, or reached a relay. */
  touch(): void {
    this.#changed = true;
    this.#timer ??= this.#clock.after(everyMs, () => {
      this.#timer = undefined;
      // A store that fails says so to those who write data; the mark of before stays good.
      this.write().catch(() => {});
    });
  }

  async write(): Promise<void> {
    if (!this.#changed || !this.#sent()) return;
    this.#changed = false;
    const nowMs = this.#clock.nowMs();
    await this.#store.write([{ soul: localSoul, fields: [{ key, value: nowMs, state: nowMs }] }]);
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#changed = true;
    await this.write();
  }

  async #read(): Promise<void> {
    const [node] = await this.#store.read([localSoul]);
    const sent = node?.value(key);
    if (typeof sent === 'number') this.#afterMs = sent;
  }
}

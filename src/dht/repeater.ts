/**
 * Announcements: made once soon, then again before the network forgets them, at a rate that it can bear.
 *
 * New ones go before repeated ones. Who joins a network that is still small announces to few; so everything is
 * announced again when the routing table has grown to at least twice its size, until it is as large as one bucket.
 */
import { PangeaError } from '../errors/errors.ts';
import type { Clock, Timer } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';

export const repeatLimits = {
  /** Announcements under way at one time. */
  parallel: 16,
  /** 50 a second, so 100,000 keys take half an hour of every ten. */
  paceMs: 20,
  /** So many may start ahead of that pace: what somebody waits for is announced at once, all keys of a restart are not. */
  ahead: 256,
  sweepMs: 60_000,
  /** After a new connection the table is looked at this much later: identify has to end first. */
  settleMs: 2_000,
  /** Kademlia's bucket size: a table of this size finds the closest peers of any key. */
  bucket: 20,
} as const;

interface Entry {
  readonly run: () => Promise<void>;
  readonly everyMs: number;
  lastMs: number;
  tableSize: number;
  queued: boolean;
}

interface Waiting {
  readonly name: string;
  readonly settle: (error?: unknown) => void;
}

export interface RepeaterOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tableSize: () => number;
}

export class Repeater {
  readonly #options: RepeaterOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #fresh: Waiting[] = [];
  readonly #again: string[] = [];
  #running = 0;
  /** Until when the pace is used up. */
  #paidMs = 0;
  #pace: Timer | undefined;
  #sweep: Timer | undefined;
  #settle: Timer | undefined;
  #closed = false;

  constructor(options: RepeaterOptions) {
    this.#options = options;
    this.#scheduleSweep();
  }

  get size(): number {
    return this.#entries.size;
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Resolves after the first run; its failure rejects and forgets the entry. */
  async start(name: string, everyMs: number, run: () => Promise<void>): Promise<void> {
    if (this.#closed) throw new PangeaError('NODE_STOPPING', 'the DHT is closed');
    this.#entries.set(name, { run, everyMs, lastMs: 0, tableSize: 0, queued: true });
    await new Promise<void>((resolve, reject) => {
      this.#fresh.push({ name, settle: (error) => (error === undefined ? resolve() : reject(error)) });
      this.#pump();
    });
  }

  stop(name: string): void {
    this.#entries.delete(name);
  }

  /** A connection was made: perhaps there are more peers to tell. */
  grown(): void {
    if (this.#closed || this.#settle) return;
    this.#settle = this.#options.clock.after(repeatLimits.settleMs, () => {
      this.#settle = undefined;
      this.#enqueueDue();
    });
  }

  close(): void {
    this.#closed = true;
    for (const timer of [this.#pace, this.#sweep, this.#settle]) timer?.cancel();
    for (const { settle } of this.#fresh.splice(0)) settle(new PangeaError('NODE_STOPPING', 'the DHT is closed'));
    this.#again.length = 0;
    this.#entries.clear();
  }

  #scheduleSweep(): void {
    this.#sweep = this.#options.clock.after(repeatLimits.sweepMs, () => {
      this.#enqueueDue();
      this.#scheduleSweep();
    });
  }

  #enqueueDue(): void {
    const now = this.#options.clock.monotonicMs();
    const table = this.#options.tableSize();
    for (const [name, entry] of this.#entries) {
      if (entry.queued) continue;
      const outgrown = entry.tableSize < repeatLimits.bucket && table >= Math.max(1, 2 * entry.tableSize);
      if (!outgrown && now - entry.lastMs < entry.everyMs) continue;
      entry.queued = true;
      this.#again.push(name);
    }
    this.#pump();
  }

  #pump(): void {
    while (!this.#closed && !this.#pace && this.#running < repeatLimits.parallel && this.#fresh.length + this.#again.length > 0) {
      const now = this.#options.clock.monotonicMs();
      const waitMs = this.#paidMs - now - repeatLimits.ahead * repeatLimits.paceMs;
      if (waitMs > 0) {
        this.#pace = this.#options.clock.after(waitMs, () => {
          this.#pace = undefined;
          this.#pump();
        });
        return;
      }
      this.#paidMs = Math.max(this.#paidMs, now) + repeatLimits.paceMs;
      const fresh = this.#fresh.shift();
      void this.#run(fresh?.name ?? (this.#again.shift() as string), fresh?.settle);
    }
  }

  async #run(name: string, settle: Waiting['settle'] | undefined): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) return settle?.();
    this.#running++;
    // The size before the run: what joins during it has perhaps not been told.
    const tableSize = this.#options.tableSize();
    try {
      await entry.run();
      settle?.();
    } catch (error) {
      if (settle) {
        if (this.#entries.get(name) === entry) this.#entries.delete(name);
        settle(error);
      } else {
        this.#options.logger.debug({ name, error: String(error) }, 'announcement failed; it is tried again');
      }
    } finally {
      entry.queued = false;
      entry.lastMs = this.#options.clock.monotonicMs();
      entry.tableSize = tableSize;
      this.#running--;
      this.#pump();
    }
  }
}

import type { Delta } from '../data/types.ts';
import type { PeerLimits } from './limits.ts';

/** Above so many fields the whole node is remembered instead of their names. */
export const namesOfNode = 64;

interface Written {
  readonly soul: string;
  readonly keys: readonly string[];
}

/** Keys of souls, or undefined for all of a soul. */
export type Unsent = Map<string, Set<string> | undefined>;

/**
 * What this process wrote and no relay has acknowledged. Names only: what is sent again is the value as it is then, which
 * is the same or newer. gun.js forgets what it wrote while it was offline.
 */
export class Outbox {
  readonly #limits: PeerLimits;
  /** By id of the message that carried them, oldest first. */
  readonly #puts = new Map<string, readonly Written[]>();
  /** Where single puts were too many: keys of a soul, or undefined for all of it. */
  readonly #souls: Unsent = new Map();
  /** What was sent again, by id of the message. */
  readonly #again = new Map<string, Unsent>();
  #fields = 0;
  #dropped = 0;

  constructor(limits: PeerLimits) {
    this.#limits = limits;
  }

  /** Puts and souls. */
  get size(): number {
    let size = this.#puts.size + this.#souls.size;
    for (const souls of this.#again.values()) size += souls.size;
    return size;
  }

  /** Souls that had to be forgotten. */
  get dropped(): number {
    return this.#dropped;
  }

  add(id: string, deltas: readonly Delta[]): void {
    const written = deltas.map(({ soul, fields }) => ({ soul, keys: fields.map(({ key }) => key) }));
    this.#puts.set(id, written);
    for (const { keys } of written) this.#fields += keys.length;
    if (this.#fields > this.#limits.outboxFields) this.#collapse();
  }

  acknowledged(id: string): void {
    this.#again.delete(id);
    const written = this.#puts.get(id);
    if (!written) return;
    this.#puts.delete(id);
    for (const { keys } of written) this.#fields -= keys.length;
  }

  /** Takes everything out: ids of puts that were never sent again, and the souls of all. */
  take(): { readonly puts: readonly string[]; readonly souls: Unsent } {
    const puts = [...this.#puts.keys()];
    for (const souls of this.#again.values()) for (const [soul, keys] of souls) this.restore(soul, keys);
    this.#again.clear();
    for (const written of this.#puts.values()) for (const { soul, keys } of written) this.#note(soul, keys);
    this.#puts.clear();
    this.#fields = 0;
    const souls = new Map(this.#souls);
    this.#souls.clear();
    return { puts, souls };
  }

  /** What was taken is on its way in this message. */
  sentAgain(id: string, souls: Unsent): void {
    this.#again.set(id, souls);
  }

  /** Puts back what was taken and could not be sent. */
  restore(soul: string, keys: Set<string> | undefined): void {
    if (keys) this.#note(soul, [...keys]);
    else this.#souls.set(soul, undefined);
    this.#bound();
  }

  #collapse(): void {
    for (const [id, written] of this.#puts) {
      for (const { soul, keys } of written) this.#note(soul, keys);
      this.acknowledged(id);
      if (this.#fields <= this.#limits.outboxFields / 2) break;
    }
    this.#bound();
  }

  #note(soul: string, keys: readonly string[]): void {
    const known = this.#souls.get(soul);
    if (known === undefined && this.#souls.has(soul)) return;
    const all = known ?? new Set();
    for (const key of keys) all.add(key);
    this.#souls.set(soul, all.size > namesOfNode ? undefined : all);
  }

  #bound(): void {
    for (const soul of this.#souls.keys()) {
      if (this.#souls.size <= this.#limits.outboxSouls) return;
      this.#souls.delete(soul);
      this.#dropped++;
    }
  }
}

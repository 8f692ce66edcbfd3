/** Who asked for what. A get makes its asker hear of changes, as on gun.js relays; bounded per subscriber. */
import { matches } from '../data/lex.ts';
import type { Delta, Lex, Query } from '../data/types.ts';
import type { DamLimits } from './limits.ts';

/** Of one subscriber. */
interface Interest {
  readonly souls: Set<string>;
  lexes: Lex[];
  everything: boolean;
  count: number;
  /** Of souls and keys, as long as they are told apart. */
  chars: number;
}

/** Keys that are asked for; undefined is the whole node. */
type Keys = Set<string> | undefined;

export class Subscriptions<S> {
  readonly #limits: DamLimits;
  readonly #interests = new Map<S, Interest>();
  readonly #bySoul = new Map<string, Map<S, Keys>>();
  /** Those that must be looked at for every soul. */
  readonly #broad = new Set<S>();

  constructor(limits: DamLimits) {
    this.#limits = limits;
  }

  add(subscriber: S, { soul, key }: Query): void {
    let interest = this.#interests.get(subscriber);
    if (!interest) this.#interests.set(subscriber, (interest = { souls: new Set(), lexes: [], everything: false, count: 0, chars: 0 }));
    if (interest.everything) return;
    if (typeof soul !== 'string') return this.#addLex(subscriber, interest, soul);
    let subscribers = this.#bySoul.get(soul);
    if (!subscribers) this.#bySoul.set(soul, (subscribers = new Map()));
    const known = subscribers.get(subscriber);
    if (!interest.souls.has(soul)) {
      interest.souls.add(soul);
      interest.count++;
      interest.chars += soul.length + (typeof key === 'string' ? key.length : 0);
      subscribers.set(subscriber, typeof key === 'string' ? new Set([key]) : undefined);
    } else if (known && typeof key === 'string') {
      if (known.size >= this.#limits.keysPerSoul) this.#whole(subscriber, interest, subscribers, known);
      else if (!known.has(key)) {
        known.add(key);
        interest.count++;
        interest.chars += key.length;
      }
    } else if (known) this.#whole(subscriber, interest, subscribers, known);
    if (interest.count > this.#limits.subscriptions || interest.chars > this.#limits.subscriptionChars) this.#everything(subscriber, interest);
  }

  /**
   * Who wrote a node holds a copy of it and does not ask again: without this its copy would grow old. Only as long as it
   * watches little, so that one that writes much is not sent everything.
   */
  addWritten(subscriber: S, deltas: readonly Delta[]): void {
    for (const { soul } of deltas) {
      if (this.count(subscriber) >= this.#limits.writerSubscriptions) return;
      this.add(subscriber, { soul });
    }
  }

  remove(subscriber: S): void {
    const interest = this.#interests.get(subscriber);
    if (!interest) return;
    this.#clear(subscriber, interest);
    this.#interests.delete(subscriber);
    this.#broad.delete(subscriber);
  }

  count(subscriber: S): number {
    return this.#interests.get(subscriber)?.count ?? 0;
  }

  /** For each subscriber the places in `deltas` that it wants, ascending. */
  matching(deltas: readonly Delta[]): Map<S, number[]> {
    const found = new Map<S, number[]>();
    for (let at = 0; at < deltas.length; at++) {
      const delta = deltas[at] as Delta;
      const subscribers = this.#bySoul.get(delta.soul);
      if (subscribers) {
        for (const [subscriber, keys] of subscribers) {
          if (keys === undefined || delta.fields.some((field) => keys.has(field.key))) note(found, subscriber, at);
        }
      }
      for (const subscriber of this.#broad) {
        const interest = this.#interests.get(subscriber) as Interest;
        if (interest.everything || interest.lexes.some((lex) => matches(delta.soul, lex))) note(found, subscriber, at);
      }
    }
    return found;
  }

  /** Subscribers of the very soul. */
  *of(soul: string): IterableIterator<S> {
    yield* this.#bySoul.get(soul)?.keys() ?? [];
  }

  #addLex(subscriber: S, interest: Interest, lex: Lex): void {
    const text = JSON.stringify(lex);
    if (interest.lexes.some((known) => JSON.stringify(known) === text)) return;
    interest.lexes.push(lex);
    this.#broad.add(subscriber);
    if (interest.lexes.length > this.#limits.lexes) this.#everything(subscriber, interest);
  }

  #whole(subscriber: S, interest: Interest, subscribers: Map<S, Keys>, known: Set<string>): void {
    interest.count -= known.size - 1;
    for (const key of known) interest.chars -= key.length;
    subscribers.set(subscriber, undefined);
  }

  #everything(subscriber: S, interest: Interest): void {
    this.#clear(subscriber, interest);
    interest.everything = true;
    this.#broad.add(subscriber);
  }

  #clear(subscriber: S, interest: Interest): void {
    for (const soul of interest.souls) {
      const subscribers = this.#bySoul.get(soul);
      subscribers?.delete(subscriber);
      if (subscribers?.size === 0) this.#bySoul.delete(soul);
    }
    interest.souls.clear();
    interest.lexes = [];
    interest.count = 0;
    interest.chars = 0;
  }
}

function note<S>(found: Map<S, number[]>, subscriber: S, at: number): void {
  const places = found.get(subscriber);
  if (places?.at(-1) === at) return;
  if (places) places.push(at);
  else found.set(subscriber, [at]);
}

import { PangeaError } from '../../errors/errors.ts';
import type { Clock, Timer } from '../../std/std.ts';
import type { Delta } from '../data/types.ts';
import { refusal } from './refusal.ts';
import type { Merge } from './replica.ts';

/** The longest wait that timers take, milliseconds (a signed 32-bit number). */
const longestTimerMs = 2 ** 31 - 1;

interface Waiting {
  readonly state: number;
  readonly deltas: readonly Delta[];
  readonly fields: number;
  readonly resolve: (merge: Merge) => void;
}

/** What stays of the writes that wait when they become too many, so that looking for the furthest is rare. */
const keptShare = 3 / 4;

/**
 * Writes whose time has not come, in a heap by state, with one timer for the first. When they are too many, those furthest
 * ahead are given up, whoever sent them: otherwise one peer could fill the place with states of tomorrow, and all whose
 * clocks are a millisecond ahead would be refused until then.
 */
export class Deferred {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #merge: (deltas: readonly Delta[]) => Merge;
  readonly #heap: Waiting[] = [];
  #fields = 0;
  /** The last of their states, or above it. */
  #furthest = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #timerState = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, limit: number, merge: (deltas: readonly Delta[]) => Merge) {
    this.#clock = clock;
    this.#limit = limit;
    this.#merge = merge;
  }

  get fields(): number {
    return this.#fields;
  }

  /** Fields of one state. Resolves with their merge, one that fails when they had to be given up; undefined when they cannot wait at all. */
  add(state: number, deltas: readonly Delta[]): Promise<Merge> | undefined {
    let fields = 0;
    for (const delta of deltas) fields += delta.fields.length;
    if (this.#fields + fields > this.#limit && !this.#makeRoom(state, fields)) return undefined;
    this.#fields += fields;
    const done = new Promise<Merge>((resolve) => this.#push({ state, deltas, fields, resolve }));
    this.#arm();
    return done;
  }

  close(): void {
    this.#timer?.cancel();
    this.#heap.length = 0;
    this.#fields = 0;
  }

  /** False when what is to wait is itself the furthest. */
  #makeRoom(state: number, fields: number): boolean {
    if (fields > this.#limit || state >= this.#furthest) return false;
    // In order of states it is a heap still.
    this.#heap.sort((a, b) => a.state - b.state);
    const most = Math.min(this.#limit * keptShare, this.#limit - fields);
    while (this.#fields > most) {
      const last = this.#heap.pop() as Waiting;
      this.#fields -= last.fields;
      last.resolve(refusal(new PangeaError('TOO_MANY', 'too many writes of the future wait, and this one was the furthest')));
    }
    this.#furthest = this.#heap.at(-1)?.state ?? Number.NEGATIVE_INFINITY;
    return true;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || (this.#timer && this.#timerState <= first.state)) return;
    this.#timer?.cancel();
    this.#timerState = first.state;
    const waitMs = Math.max(0, Math.ceil(first.state - this.#clock.nowMs()));
    this.#timer = this.#clock.after(Math.min(waitMs, longestTimerMs), () => this.#run());
  }

  #run(): void {
    this.#timer = undefined;
    const now = this.#clock.nowMs();
    for (let first = this.#heap[0]; first && first.state <= now; first = this.#heap[0]) {
      this.#pop();
      this.#fields -= first.fields;
      first.resolve(this.#merge(first.deltas));
    }
    this.#arm();
  }

  #push(entry: Waiting): void {
    const heap = this.#heap;
    this.#furthest = Math.max(this.#furthest, entry.state);
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Waiting;
      if (above.state <= entry.state) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Waiting).state < (heap[child] as Waiting).state) child++;
      const below = heap[child] as Waiting;
      if (below.state >= last.state) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

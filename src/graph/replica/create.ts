import { PangeaError } from '../../errors/errors.ts';
import { createStateClock, type StateClock } from '../data/clock.ts';
import { decide } from '../data/ham.ts';
import { CachedCopy } from './cached.ts';
import { Deferred } from './deferred.ts';
import { DigestKeeper, type Scan } from './digest-keeper.ts';
import { replicaLimits, type ReplicaLimits } from './limits.ts';
import { refusal } from './refusal.ts';
import { SharedCopy } from './shared.ts';
import { Watchers } from './watchers.ts';
import type { Clock } from '../../std/std.ts';
import type { GraphNode } from '../data/node.ts';
import type { Delta, Field, Lex } from '../data/types.ts';
import type { GraphStore } from '../storage/storage.ts';
import type { Copy } from './copy.ts';
import type { Applied, Digest, Merge, Origin, Replica, ReplicaStats, Watcher } from './replica.ts';

export interface ReplicaOptions {
  readonly store: GraphStore;
  readonly clock: Clock;
  readonly limits?: Partial<ReplicaLimits>;
  /** Hears of what is in the store at the start, in the background. Not of what a store in memory holds. */
  readonly scan?: Scan;
}

export function createReplica(options: ReplicaOptions): Replica {
  return new GraphReplica(options);
}

const nothing: readonly never[] = [];
const settled = Promise.resolve();

class GraphReplica implements Replica {
  readonly #limits: ReplicaLimits;
  readonly #states: StateClock;
  readonly #copy: Copy;
  readonly #watchers = new Watchers();
  readonly #deferred: Deferred;
  readonly #digest: DigestKeeper;
  #accepted = 0;
  #old = 0;
  #refused = 0;
  #closed = false;

  constructor({ store, clock, limits, scan }: ReplicaOptions) {
    this.#limits = { ...replicaLimits, ...limits };
    this.#states = createStateClock(clock);
    this.#copy = hasPeek(store) ? new SharedCopy(store) : new CachedCopy(store, clock, this.#limits, (soul) => this.#watchers.has(soul));
    this.#deferred = new Deferred(clock, this.#limits.deferredFields, (deltas) => this.merge(deltas, 'deferred'));
    this.#digest = new DigestKeeper(store, clock, this.#copy, scan);
  }

  nextState(): number {
    return this.#states.next();
  }

  peek(soul: string): GraphNode | undefined {
    return this.#copy.peek(soul);
  }

  resident(soul: string): boolean {
    return this.#copy.resident(soul);
  }

  async load(soul: string): Promise<GraphNode | undefined> {
    if (this.#copy.resident(soul)) return this.#copy.peek(soul);
    return this.#copy.whenResident([soul], () => this.#copy.peek(soul));
  }

  range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    return this.#copy.range(soul, lex);
  }

  merge(deltas: readonly Delta[], origin: Origin): Merge {
    if (this.#closed) return refusal(new PangeaError('STORE_CLOSED', 'the graph is closed'));
    if (this.#copy.unstored() > this.#limits.unstoredFields) {
      return refusal(new PangeaError('TOO_MANY', `more than ${this.#limits.unstoredFields} fields wait to be stored`));
    }
    for (const delta of deltas) {
      if (this.#copy.resident(delta.soul)) continue;
      const merged = this.#copy.whenResident(deltas.map(({ soul }) => soul), () => {
        const now = this.#apply(deltas, origin);
        return { now, stored: this.#storedAfter(now) };
      });
      const applied = merged.then(({ now }) => now);
      const stored = merged.then(({ stored: done }) => done);
      applied.catch(() => {});
      stored.catch(() => {});
      return { now: undefined, applied, stored };
    }
    const now = this.#apply(deltas, origin);
    this.#copy.trim();
    return { now, applied: Promise.resolve(now), stored: this.#storedAfter(now) };
  }

  watch(soul: string, watcher: Watcher): () => void {
    return this.#watchers.add(soul, watcher);
  }

  watchAll(watcher: Watcher): () => void {
    return this.#watchers.addAll(watcher);
  }

  souls(lex?: Lex): AsyncIterable<string> {
    return this.#copy.souls(lex);
  }

  digest(): Digest | undefined {
    return this.#digest.current();
  }

  stats(): ReplicaStats {
    return {
      ...this.#copy.stats(),
      watched: this.#watchers.size,
      deferred: this.#deferred.fields,
      accepted: this.#accepted,
      old: this.#old,
      refused: this.#refused,
    };
  }

  flush(): Promise<void> {
    return this.#copy.flush();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#deferred.close();
    await this.#digest.close();
    await this.#copy.close();
  }

  /** Old fields may still be on their way to the store, so what was lost against them is not stored before they are. */
  #storedAfter(applied: Applied): Promise<void> {
    return applied.accepted.length > 0 || applied.old > 0 ? this.#copy.stored() : settled;
  }

  /** All souls are resident. Watchers hear when everything is in place. */
  #apply(deltas: readonly Delta[], origin: Origin): Applied {
    const machine = this.#states.machine();
    const tooFar = machine + this.#limits.futureLimitMs;
    const accepted: Delta[] = [];
    const early: Delta[] = [];
    let old = 0;
    let refused = 0;
    for (const delta of deltas) {
      const node = this.#copy.peek(delta.soul);
      let fields: Field[] | undefined;
      let earlyFields: Field[] | undefined;
      for (let at = 0; at < delta.fields.length; at++) {
        const field = delta.fields[at] as Field;
        const decision = node === undefined
          ? decide(machine, field.state, field.value, Number.NEGATIVE_INFINITY, undefined)
          : decide(machine, field.state, field.value, node.state(field.key), node.value(field.key));
        if (decision === 'accept') {
          fields?.push(field);
          continue;
        }
        // Most often all fields are news; a list of its own is made only when they are not.
        fields ??= delta.fields.slice(0, at);
        if (decision === 'reject') old++;
        else if (field.state > tooFar) refused++;
        else (earlyFields ??= []).push(field);
      }
      if (earlyFields) early.push({ soul: delta.soul, fields: earlyFields });
      if (fields?.length === 0) continue;
      const news = fields ? { soul: delta.soul, fields } : delta;
      this.#digest.before(news, node);
      this.#copy.take(news, node);
      this.#digest.after(news);
      this.#accepted += news.fields.length;
      accepted.push(news);
    }
    const waiting = early.length > 0 ? this.#defer(early) : undefined;
    refused += waiting?.refused ?? 0;
    this.#old += old;
    this.#refused += refused;
    for (const { soul, fields } of accepted) {
      if (this.#watchers.hears(soul)) this.#watchers.tell({ soul, fields, node: this.#copy.peek(soul) as GraphNode, origin });
    }
    return { accepted, old, deferred: waiting?.deferred ?? 0, later: waiting?.later ?? nothing, refused };
  }

  #defer(deltas: readonly Delta[]): { readonly later: Promise<Merge>[]; readonly deferred: number; readonly refused: number } {
    const byState = new Map<number, Delta[]>();
    for (const { soul, fields } of deltas) {
      for (const field of fields) {
        const list = byState.get(field.state);
        if (list) list.push({ soul, fields: [field] });
        else byState.set(field.state, [{ soul, fields: [field] }]);
      }
    }
    const later: Promise<Merge>[] = [];
    let deferred = 0;
    let refused = 0;
    for (const [state, list] of byState) {
      const merge = this.#deferred.add(state, list);
      if (merge) later.push(merge);
      if (merge) deferred += list.length;
      else refused += list.length;
    }
    return { later, deferred, refused };
  }
}

function hasPeek(store: GraphStore): store is GraphStore & Required<Pick<GraphStore, 'peek'>> {
  return store.peek !== undefined;
}

import { PangeaError } from '../../errors/errors.ts';
import { localSoul } from '../data/local-soul.ts';
import { GraphNode } from '../data/node.ts';
import { compareText } from '../data/order.ts';
import { isReverse, rangeOf, selects } from '../storage/select.ts';
import { NodeCache, nodeCost } from './cache.ts';
import { GroupCommit } from './commit.ts';
import { SoulFilter } from './soul-filter.ts';
import type { Clock } from '../../std/std.ts';
import type { Delta, Lex } from '../data/types.ts';
import type { GraphStore } from '../storage/storage.ts';
import type { Copy, CopyStats } from './copy.ts';
import type { ReplicaLimits } from './limits.ts';

interface Call {
  readonly souls: readonly string[];
  run(): void;
  fail(error: unknown): void;
}

/** Nodes of a store that is not memory: cached, read in batches, written in groups. */
export class CachedCopy implements Copy {
  readonly #store: GraphStore;
  readonly #limits: ReplicaLimits;
  readonly #cache: NodeCache;
  readonly #commit: GroupCommit;
  readonly #filter = new SoulFilter();
  /** Other processes write to the same place, so what it lacks now it may have the next time. */
  readonly #shared: boolean;
  /** Calls that wait for nodes, in order, and how many of them name a soul. */
  #calls: Call[] = [];
  readonly #awaited = new Map<string, number>();
  #reading = false;
  #unstoredSouls: Set<string> | undefined;

  constructor(store: GraphStore, clock: Clock, limits: ReplicaLimits, watched: (soul: string) => boolean) {
    this.#store = store;
    this.#limits = limits;
    this.#shared = store.durability === 'remote';
    this.#commit = new GroupCommit(store, clock, limits);
    this.#cache = new NodeCache(limits.bytesInMemory, (soul) => watched(soul) || this.#unstoredSouls?.has(soul) === true);
  }

  peek(soul: string): GraphNode | undefined {
    return this.#cache.get(soul) ?? undefined;
  }

  resident(soul: string): boolean {
    return !this.#awaited.has(soul) && this.#atHand(soul);
  }

  whenResident<T>(souls: readonly string[], then: () => T): Promise<T> {
    if (this.#calls.length >= this.#limits.waitingCalls) {
      return Promise.reject(new PangeaError('TOO_MANY', `more than ${this.#limits.waitingCalls} calls wait for the graph store`));
    }
    return this.#enqueue(souls, then);
  }

  take(delta: Delta, node: GraphNode | undefined): void {
    if (node) {
      const bytes = nodeCost(node);
      const fields = node.size;
      for (const { key, value, state } of delta.fields) node.set(key, value, state);
      this.#cache.grown(nodeCost(node) - bytes, node.size - fields);
    } else {
      this.#cache.set(delta.soul, GraphNode.from(delta));
      this.#filter.add(delta.soul);
    }
    this.#commit.add(delta);
  }

  stored(): Promise<void> {
    return this.#commit.stored();
  }

  stores(soul: string): void {
    this.#filter.add(soul);
  }

  storesNoMore(): void {
    this.#filter.complete();
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    const part = (node: GraphNode | undefined): GraphNode | undefined => node && rangeOf(node, lex);
    if (this.#awaited.has(soul)) return this.whenResident([soul], () => part(this.peek(soul)));
    if (this.#cache.get(soul) !== undefined) return part(this.peek(soul));
    // Not in memory, so the store has all of it: nodes with fields that it lacks are not let go.
    return this.#store.range(soul, lex);
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    const unstored = [...this.#soulsNotStored()].filter((soul) => selects(lex, soul)).sort(compareText);
    const order = isReverse(lex) ? -1 : 1;
    if (order < 0) unstored.reverse();
    let at = 0;
    for await (const soul of this.#store.souls(lex)) {
      if (soul === localSoul) continue;
      while (at < unstored.length && compareText(unstored[at] as string, soul) * order < 0) yield unstored[at++] as string;
      if (unstored[at] === soul) at++;
      yield soul;
    }
    yield* unstored.slice(at);
  }

  trim(): void {
    // What a read found has to stay until its calls ran.
    if (!this.#reading) this.#trim();
  }

  unstored(): number {
    return this.#commit.unstored;
  }

  stats(): CopyStats {
    return {
      nodesInMemory: this.#cache.nodes,
      fieldsInMemory: this.#cache.fields,
      unstored: this.#commit.unstored,
      failedWrites: this.#commit.failedWrites,
    };
  }

  async flush(): Promise<void> {
    while (this.#calls.length > 0) await this.#enqueue([], () => undefined);
    await this.#commit.flush();
  }

  async close(): Promise<void> {
    while (this.#calls.length > 0) await this.#enqueue([], () => undefined);
    await this.#commit.close();
  }

  #enqueue<T>(souls: readonly string[], then: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(then());
        } catch (error) {
          reject(error);
        }
      };
      for (const soul of souls) this.#awaited.set(soul, (this.#awaited.get(soul) ?? 0) + 1);
      this.#calls.push({ souls, run, fail: reject });
      if (!this.#reading) void this.#read();
    });
  }

  #trim(): void {
    if (!this.#cache.over) return;
    this.#unstoredSouls = this.#soulsNotStored();
    this.#cache.swap();
    this.#unstoredSouls = undefined;
  }

  #atHand(soul: string): boolean {
    return this.#cache.get(soul) !== undefined || (!this.#shared && this.#filter.lacks(soul));
  }

  #soulsNotStored(): Set<string> {
    const souls = new Set<string>();
    for (const delta of this.#commit.deltas()) souls.add(delta.soul);
    return souls;
  }

  /** One read after the other, each for as many of the first calls as `soulsPerRead` lets in, at least one. */
  async #read(): Promise<void> {
    this.#reading = true;
    while (this.#calls.length > 0) {
      // Calls of one turn are read together.
      await undefined;
      const missing = new Set<string>();
      let count = 0;
      for (const call of this.#calls) {
        if (count > 0 && missing.size + call.souls.length > this.#limits.soulsPerRead) break;
        for (const soul of call.souls) if (!this.#atHand(soul)) missing.add(soul);
        count++;
      }
      const failure = await this.#fetch([...missing]);
      const ready = this.#calls.slice(0, count);
      this.#calls = this.#calls.slice(count);
      for (const call of ready) this.#finish(call, failure);
      if (this.#shared) this.#forgetAbsent(missing);
      this.#trim();
    }
    this.#reading = false;
  }

  async #fetch(souls: readonly string[]): Promise<{ readonly error: unknown } | undefined> {
    if (souls.length === 0) return undefined;
    try {
      const nodes = await this.#store.read(souls);
      for (let at = 0; at < souls.length; at++) this.#cache.set(souls[at] as string, nodes[at] ?? null);
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #forgetAbsent(souls: Iterable<string>): void {
    for (const soul of souls) if (this.#cache.get(soul) === null) this.#cache.delete(soul);
  }

  #finish(call: Call, failure: { readonly error: unknown } | undefined): void {
    for (const soul of call.souls) {
      const left = (this.#awaited.get(soul) ?? 1) - 1;
      if (left === 0) this.#awaited.delete(soul);
      else this.#awaited.set(soul, left);
    }
    if (failure && !call.souls.every((soul) => this.#atHand(soul))) call.fail(failure.error);
    else call.run();
  }
}

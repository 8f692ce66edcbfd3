import { bucketOf, digestBuckets, type FieldHash, fieldHash, soulHash } from '../data/digest.ts';
import { localSoul } from '../data/local-soul.ts';
import type { GraphNode } from '../data/node.ts';
import type { Delta, Field } from '../data/types.ts';
import type { Clock } from '../../std/std.ts';
import { compareText } from '../data/order.ts';
import type { GraphStore } from '../storage/storage.ts';
import type { Digest } from './replica.ts';

/** Souls read at once while the digest is built; a pause follows, so that others get their turn. */
const soulsPerStep = 256;
/** After a store that could not be read; the pauses double up to the other, milliseconds. */
const retryMs = 1_000;
const retryLimitMs = 60_000;

/** Who else wants to know of the souls that the scan finds, and what is in memory. */
export interface Scanned {
  peek(soul: string): GraphNode | undefined;
  /** Of every soul in the store, before `storesNoMore`. */
  stores?(soul: string): void;
  storesNoMore?(): void;
}

/** Hears of every node as it was stored at the start. */
export interface Scan {
  /** The scan begins then. */
  readonly ready: Promise<void>;
  found(node: GraphNode): void;
  ended(): void;
}

/**
 * The digest of all fields. It is built once over the store, soul by soul in byte order, while merges go on: a soul
 * counts from when the scan passed it, or from the first merge that touched it.
 */
export class DigestKeeper {
  readonly #store: GraphStore;
  readonly #clock: Clock;
  readonly #scanned: Scanned;
  readonly #listener: Scan | undefined;
  readonly #buckets = new Uint32Array(2 * digestBuckets);
  #rootLow = 0;
  #rootHigh = 0;
  /** Undefined when all souls count; otherwise the last that the scan has passed, and those that count ahead of it. */
  #scan: { passed: string; readonly ahead: Set<string> } | undefined = { passed: '', ahead: new Set() };
  readonly #building: Promise<void>;
  readonly #closing = new AbortController();
  #touched = false;
  readonly #soul: FieldHash = { low: 0, high: 0 };
  readonly #field: FieldHash = { low: 0, high: 0 };

  constructor(store: GraphStore, clock: Clock, scanned: Scanned, listener?: Scan) {
    this.#store = store;
    this.#clock = clock;
    this.#scanned = scanned;
    this.#listener = listener;
    if (store.peek && store.stats().fields === 0) this.#scan = undefined;
    this.#building = this.#scan ? this.#build() : Promise.resolve();
  }

  current(): Digest | undefined {
    if (this.#scan) return undefined;
    return { root: hex(this.#rootHigh) + hex(this.#rootLow), buckets: this.#buckets };
  }

  /** Takes out what the fields of a merge replace; `node` as it was, undefined where there was none. */
  before(delta: Delta, node: GraphNode | undefined): void {
    this.#touched = this.#counts(delta.soul);
    if (!this.#touched) return;
    soulHash(delta.soul, this.#soul);
    if (node === undefined) return;
    for (const { key } of delta.fields) {
      const known = node.field(key);
      if (known) this.#add(known, -1);
    }
  }

  /** Adds the same fields as they are now. To be called next. */
  after(delta: Delta): void {
    if (this.#touched) {
      for (const field of delta.fields) this.#add(field, 1);
      return;
    }
    this.#scan?.ahead.add(delta.soul);
    this.#addNode(this.#scanned.peek(delta.soul));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#building;
  }

  #counts(soul: string): boolean {
    return !this.#scan || this.#scan.ahead.has(soul) || (this.#scan.passed !== '' && compareText(soul, this.#scan.passed) <= 0);
  }

  async #build(): Promise<void> {
    await this.#listener?.ready;
    for (let pauseMs = retryMs; !this.#closing.signal.aborted; pauseMs = Math.min(2 * pauseMs, retryLimitMs)) {
      try {
        return await this.#scanAll();
      } catch {
        // The store fails its other callers with the same error. Until it can be read again, peers compare nothing.
        await this.#clock.sleep(pauseMs, this.#closing.signal).catch(() => {});
      }
    }
  }

  /** From where the scan before it came to its end. */
  async #scanAll(): Promise<void> {
    let step: string[] = [];
    for await (const soul of this.#store.souls()) {
      if (!this.#scan || this.#closing.signal.aborted) return;
      if (soul === localSoul || (this.#scan.passed !== '' && compareText(soul, this.#scan.passed) <= 0)) continue;
      this.#scanned.stores?.(soul);
      step.push(soul);
      if (step.length < soulsPerStep) continue;
      await this.#count(step);
      step = [];
      await this.#clock.sleep(0);
    }
    if (step.length > 0) await this.#count(step);
    if (this.#closing.signal.aborted) return;
    this.#scan = undefined;
    this.#scanned.storesNoMore?.();
    this.#listener?.ended();
  }

  async #count(souls: readonly string[]): Promise<void> {
    const nodes = await this.#store.read(souls);
    if (this.#closing.signal.aborted || !this.#scan) return;
    for (let at = 0; at < souls.length; at++) {
      const soul = souls[at] as string;
      const node = nodes[at];
      if (node) this.#listener?.found(node);
      // What was merged has been counted as it is in memory; what was not is in the store as it was read.
      if (!this.#scan.ahead.has(soul)) this.#addNode(node);
      this.#scan.passed = soul;
    }
  }

  #addNode(node: GraphNode | undefined): void {
    if (!node) return;
    soulHash(node.soul, this.#soul);
    for (const field of node.fields()) this.#add(field, 1);
  }

  #add(field: Field, sign: 1 | -1): void {
    fieldHash(this.#soul, field, this.#field);
    const at = 2 * bucketOf(this.#soul);
    const low = sign * this.#field.low;
    const high = sign * this.#field.high;
    this.#buckets[at] = (this.#buckets[at] as number) + low;
    this.#buckets[at + 1] = (this.#buckets[at + 1] as number) + high;
    this.#rootLow = (this.#rootLow + low) >>> 0;
    this.#rootHigh = (this.#rootHigh + high) >>> 0;
  }
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}

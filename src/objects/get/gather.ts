/**
 * Gets the wanted rows of one stripe, or any eight from which they can be computed. Asks the likeliest holder of
 * each row, one more when an answer is late or fails, and cancels what is no longer needed.
 */
import type { Body } from '../../body/body.ts';
import type { Codec } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import { recordKind } from '../../store/store.ts';
import { equalBytes, type Clock, type Timer } from '../../std/std.ts';
import { status } from '../../transport/transport.ts';
import { identityOf, type StripeEntry } from '../format/layout.ts';
import { blame, getRequest, type LookupDependencies } from './lookup.ts';
import { dataRows, rows } from '../format/shape.ts';

/** Where rows can be had: `Sources` for a read, a plain list for restoring. */
export interface RowSources {
  /** Peers that may have the row, the best first. */
  of(stripe: number, row: number): readonly PeerId[];
  isSuspect(peer: PeerId): boolean;
  /** Asked last for a while. */
  suspect(peer: PeerId): void;
  /** The peer did not give this row: it said so (`answered`), or it was silent. */
  missed(peer: PeerId, stripe: number, row: number, answered: boolean): void;
  /** The peer gave wrong bytes: nothing more is asked of it. */
  distrust(peer: PeerId): void;
  /** Asks around for more sources, once. */
  widen(): Promise<void>;
}

export interface GatherDependencies extends Pick<LookupDependencies, 'calls' | 'peers' | 'logger'> {
  readonly clock: Clock;
  readonly hedgeAfterMs: number;
}

export interface GatherRequest {
  /** The root, or the upload's id before the commit. */
  readonly object: Uint8Array;
  readonly stripe: number;
  readonly entry: StripeEntry;
  readonly wanted: readonly number[];
  readonly sources: RowSources;
  readonly hedge: HedgeBudget;
  readonly signal: AbortSignal;
}

/** Rows that came in, with who gave them. Its owner releases the bodies. */
export class GatheredRows {
  readonly bodies: (Body | null)[] = Array.from({ length: rows }, () => null);
  readonly from: (PeerId | undefined)[] = Array.from({ length: rows }, () => undefined);

  release(): void {
    this.bodies.forEach((_, row) => this.drop(row));
  }

  drop(row: number): void {
    this.bodies[row]?.release();
    this.bodies[row] = null;
    this.from[row] = undefined;
  }
}

/** Waits of one hedge after which lateness counts as death. */
const stuckAfterHedges = 4;

/** What a read may ask for beyond its need: a few shards at once, and an eighth of what it has received. */
export class HedgeBudget {
  #bytes: number;

  constructor(startBytes: number) {
    this.#bytes = startBytes;
  }

  take(bytes: number): boolean {
    if (this.#bytes < bytes) return false;
    this.#bytes -= bytes;
    return true;
  }

  received(bytes: number): void {
    this.#bytes += bytes / 8;
  }
}

/** Adds to `gathered` until the wanted rows, or any eight, are there. Throws `NOT_ENOUGH_SHARDS` or `ABORTED`. */
export function gather(dependencies: GatherDependencies, request: GatherRequest, gathered: GatheredRows): Promise<void> {
  return new StripeGather(dependencies, request, gathered).run();
}

/** Drops rows that are not what the layout commits to and names who gave them. Gives how many there were. */
export async function dropWrongRows(
  dependencies: GatherDependencies & { readonly codec: Codec }, request: GatherRequest, gathered: GatheredRows,
): Promise<number> {
  let wrong = 0;
  for (let row = 0; row < rows; row++) {
    const [body, peer] = [gathered.bodies[row], gathered.from[row]];
    if (!body || peer === undefined) continue;
    if (equalBytes(await dependencies.codec.identity(body), identityOf(request.entry, row))) continue;
    wrong++;
    gathered.drop(row);
    request.sources.distrust(peer);
    blame(dependencies, peer, `row ${row} of stripe ${request.stripe} does not match its identity`);
  }
  return wrong;
}

class StripeGather {
  readonly #dependencies: GatherDependencies;
  readonly #request: GatherRequest;
  readonly #gathered: GatheredRows;
  readonly #pending = new Map<number, { readonly peer: PeerId; readonly cancel: AbortController; readonly sinceMs: number }>();
  readonly #asked = new Set<PeerId>();
  readonly #done = Promise.withResolvers<void>();
  #settled = false;
  #widened = false;
  #timer: Timer | undefined;

  constructor(dependencies: GatherDependencies, request: GatherRequest, gathered: GatheredRows) {
    this.#dependencies = dependencies;
    this.#request = request;
    this.#gathered = gathered;
  }

  async run(): Promise<void> {
    const { signal } = this.#request;
    const onAbort = (): void => this.#fail(new PangeaError('ABORTED', 'the read was given up', { cause: signal.reason }));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.#advance();
      this.#armHedge();
      await this.#done.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#timer?.cancel();
      this.#cancelPending();
    }
  }

  /** Rows of no length are there by definition. */
  #isHere(row: number): boolean {
    return this.#gathered.bodies[row] !== null || this.#request.entry.lengths[row] === 0;
  }

  #count(): number {
    let count = 0;
    for (let row = 0; row < rows; row++) if (this.#isHere(row)) count++;
    return count;
  }

  /** Keeps as many requests under way as it takes, and notices the end. */
  #advance(): void {
    if (this.#settled) return;
    const { wanted } = this.#request;
    if (wanted.every((row) => this.#isHere(row)) || this.#count() >= dataRows) return this.#finish();
    const lacking = wanted.filter((row) => !this.#isHere(row) && !this.#pending.has(row));
    // Sound holders of wanted rows first; a wanted row that only a suspect has is computed from others instead.
    for (const row of lacking) if (this.#soundSource(row)) this.#launch(row);
    const unreachable = wanted.some((row) => !this.#isHere(row) && !this.#pending.has(row));
    if (!unreachable) return;
    for (const sound of [true, false]) {
      for (let row = 0; row < rows && this.#count() + this.#pending.size < dataRows; row++) {
        if (this.#isHere(row) || this.#pending.has(row)) continue;
        if (!sound || this.#soundSource(row)) this.#launch(row);
      }
    }
    if (this.#count() + this.#pending.size < dataRows) this.#widenOrGiveUp();
  }

  #soundSource(row: number): boolean {
    const { sources, stripe } = this.#request;
    const peer = sources.of(stripe, row)[0];
    return peer !== undefined && !sources.isSuspect(peer);
  }

  #launch(row: number): void {
    const { sources, stripe, object } = this.#request;
    const peer = sources.of(stripe, row)[0];
    if (peer === undefined) return;
    const cancel = new AbortController();
    this.#asked.add(peer);
    this.#pending.set(row, { peer, cancel, sinceMs: this.#dependencies.clock.monotonicMs() });
    void this.#dependencies.calls.ask<'get'>(peer, getRequest(object, recordKind.shard, stripe, row), { signal: cancel.signal }).then(
      (outcome) => {
        if (this.#pending.get(row)?.cancel !== cancel) {
          outcome.reply?.body.release();
          return;
        }
        this.#pending.delete(row);
        if (outcome.reply) this.#arrived(row, peer, outcome.reply.body);
        else this.#missed(row, peer, outcome.status);
        this.#advance();
      },
      () => undefined,
    );
  }

  #arrived(row: number, peer: PeerId, body: Body): void {
    const { entry, sources, stripe, hedge } = this.#request;
    if (body.byteLength !== entry.lengths[row]) {
      body.release();
      sources.distrust(peer);
      blame(this.#dependencies, peer, `row ${row} of stripe ${stripe} has another length than the layout says`);
      return;
    }
    hedge.received(body.byteLength);
    this.#gathered.bodies[row] = body;
    this.#gathered.from[row] = peer;
  }

  #missed(row: number, peer: PeerId, code: number | undefined): void {
    const { sources, stripe } = this.#request;
    sources.missed(peer, stripe, row, code !== undefined);
    if (code === status.gone) sources.distrust(peer);
  }

  /** Nobody known has enough rows: ask around once, then say what is missing. */
  #widenOrGiveUp(): void {
    if (!this.#widened) {
      this.#widened = true;
      this.#request.sources.widen().then(() => this.#advance(), (error: unknown) => this.#fail(error));
      return;
    }
    if (this.#pending.size > 0) return;
    const { stripe, entry } = this.#request;
    const missing = [...entry.lengths.keys()].filter((row) => !this.#isHere(row));
    this.#fail(new PangeaError('NOT_ENOUGH_SHARDS', `stripe ${stripe}: ${this.#count()} of the ${dataRows} shards that are needed were found`, {
      data: { stripe, missingRows: missing, peersAsked: [...this.#asked] },
    }));
  }

  #armHedge(): void {
    const { clock, hedgeAfterMs } = this.#dependencies;
    this.#timer = clock.after(hedgeAfterMs, () => {
      if (this.#settled) return;
      this.#hedge();
      this.#armHedge();
    });
  }

  /** As many more rows as are late, so that one wait is enough when several holders died at once. */
  #hedge(): void {
    const { clock, hedgeAfterMs } = this.#dependencies;
    const { hedge, entry, sources, stripe } = this.#request;
    const late = [...this.#pending.values()].filter(({ sinceMs }) => clock.monotonicMs() - sinceMs >= hedgeAfterMs);
    if (late.length === 0) return;
    const needed = dataRows - this.#count() - (this.#pending.size - late.length);
    // The budget keeps hedging cheap; it must not keep a read waiting until a dead connection is noticed.
    const isStuck = late.every(({ sinceMs }) => clock.monotonicMs() - sinceMs >= stuckAfterHedges * hedgeAfterMs);
    let launched = 0;
    for (const sound of [true, false]) {
      for (let row = 0; row < rows && launched < needed; row++) {
        if (this.#isHere(row) || this.#pending.has(row) || sources.of(stripe, row).length === 0) continue;
        if (sound !== this.#soundSource(row) || (!hedge.take(entry.lengths[row] ?? 0) && !isStuck)) continue;
        this.#launch(row);
        launched++;
      }
    }
  }

  #finish(): void {
    const { clock, hedgeAfterMs } = this.#dependencies;
    this.#settled = true;
    // Whoever was overtaken is asked last for a while, so that a dead holder delays one stripe and not each.
    for (const { peer, sinceMs } of this.#pending.values()) {
      if (clock.monotonicMs() - sinceMs >= hedgeAfterMs) this.#request.sources.suspect(peer);
    }
    this.#done.resolve();
  }

  #fail(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#done.reject(error);
  }

  #cancelPending(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { cancel } of pending) cancel.abort();
  }
}

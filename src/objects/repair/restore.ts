/**
 * Computes lost rows from eight others and puts them where they belong: at the end of a put that lost a holder,
 * and in repair. Needs no key; what is computed is checked against the committed identity before it is sent.
 */
import type { Body } from '../../body/body.ts';
import type { Codec } from '../../codec/codec.ts';
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { Durability } from '../../store/store.ts';
import { equalBytes } from '../../std/std.ts';
import { dropWrongRows, gather, GatheredRows, HedgeBudget, type GatherDependencies, type GatherRequest, type RowSources } from '../get/gather.ts';
import { identityOf, type StripeEntry } from '../format/layout.ts';
import { rows } from '../format/shape.ts';

export interface RestoreDependencies extends GatherDependencies {
  readonly codec: Codec;
}

export interface LostRow {
  readonly stripe: number;
  readonly row: number;
  /** Who shall keep it from now on. */
  readonly target: PeerId;
}

export interface RestoreRequest {
  /** What the rows are asked and put under: the root, or the upload's id before the commit. */
  readonly object: Uint8Array;
  readonly lost: readonly LostRow[];
  readonly entryOf: (stripe: number) => StripeEntry;
  /** Peers that may have a row, the best first. */
  readonly sourcesOf: (stripe: number, row: number) => readonly PeerId[];
  /** True for repair: `object` is a root whose layout the targets have. */
  readonly repair: boolean;
  readonly durability: Durability;
  /** Bytes of shards in memory at one time; one stripe is always worked on. */
  readonly windowBytes: number;
  readonly signal: AbortSignal;
}

export interface RestoreResult {
  readonly restored: readonly LostRow[];
  readonly failed: readonly (LostRow & { readonly reason: string; readonly side: 'source' | 'target' })[];
  /** Peers whose bytes did not verify on the way. */
  readonly liars: readonly PeerId[];
}

/** Restores what can be restored; failures are values. Rejects only when the signal aborts. */
export async function restoreSlots(dependencies: RestoreDependencies, request: RestoreRequest): Promise<RestoreResult> {
  const byStripe = new Map<number, LostRow[]>();
  for (const lost of request.lost) {
    const group = byStripe.get(lost.stripe);
    if (group) group.push(lost);
    else byStripe.set(lost.stripe, [lost]);
  }
  const liars = new Set<PeerId>();
  const restored: LostRow[] = [];
  const failed: RestoreResult['failed'][number][] = [];
  const queue = [...byStripe];
  const stripeBytes = Math.max(1, ...queue.map(([stripe]) => request.entryOf(stripe).lengths.reduce((sum, length) => sum + length, 0)));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      request.signal.throwIfAborted();
      const [stripe, lost] = next;
      await restoreStripe(dependencies, request, stripe, lost, liars, restored, failed);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.floor(request.windowBytes / stripeBytes)) }, worker));
  return { restored, failed, liars: [...liars] };
}

async function restoreStripe(
  dependencies: RestoreDependencies, request: RestoreRequest, stripe: number, lost: readonly LostRow[],
  liars: Set<PeerId>, restored: LostRow[], failed: RestoreResult['failed'][number][],
): Promise<void> {
  const lostRows = lost.filter(({ row }) => (request.entryOf(stripe).lengths[row] ?? 0) > 0);
  let computed: readonly Body[] = [];
  try {
    computed = await compute(dependencies, request, stripe, [...new Set(lostRows.map(({ row }) => row))], liars);
  } catch (error) {
    request.signal.throwIfAborted();
    const reason = error instanceof PangeaError ? error.message : String(error);
    failed.push(...lostRows.map((row) => ({ ...row, reason, side: 'source' as const })));
    return;
  }
  const rowNumbers = [...new Set(lostRows.map(({ row }) => row))];
  try {
    await Promise.all(lostRows.map(async (row) => {
      const body = computed[rowNumbers.indexOf(row.row)] as Body;
      const put = {
        type: 'put' as const, object: request.object, stripe, row: row.row, identity: identityOf(request.entryOf(stripe), row.row),
        durability: request.durability, repair: request.repair,
      };
      const outcome = await dependencies.calls.ask<'put'>(row.target, put, { body, signal: request.signal });
      if (outcome.reply) restored.push(row);
      else failed.push({ ...row, reason: outcome.failure, side: 'target' });
    }));
  } finally {
    for (const body of computed) body.release();
  }
}

/** The rows in the order asked for, verified. A source that lied is left out and the rest tried again. */
async function compute(
  dependencies: RestoreDependencies, request: RestoreRequest, stripe: number, wanted: readonly number[], liars: Set<PeerId>,
): Promise<readonly Body[]> {
  if (wanted.length === 0) return [];
  const entry = request.entryOf(stripe);
  const sources = new ListedSources(request.sourcesOf, liars);
  const gatherRequest: GatherRequest = {
    object: request.object, stripe, entry, wanted, sources, hedge: new HedgeBudget(Number.MAX_SAFE_INTEGER), signal: request.signal,
  };
  const gathered = new GatheredRows();
  try {
    for (let attempt = 0; attempt < rows; attempt++) {
      await gather(dependencies, gatherRequest, gathered);
      const bodies = await reconstruct(dependencies.codec, gathered, entry, wanted);
      const right = await Promise.all(bodies.map(async (body, at) => equalBytes(await dependencies.codec.identity(body), identityOf(entry, wanted[at] as number))));
      if (bodies.length === wanted.length && right.every(Boolean)) return bodies;
      for (const body of bodies) body.release();
      if ((await dropWrongRows(dependencies, gatherRequest, gathered)) === 0) break;
    }
  } finally {
    gathered.release();
  }
  throw new PangeaError('CORRUPT', `stripe ${stripe}: eight verified rows do not give the row that the layout commits to`);
}

async function reconstruct(codec: Codec, gathered: GatheredRows, entry: StripeEntry, wanted: readonly number[]): Promise<readonly Body[]> {
  const absent = wanted.filter((row) => gathered.bodies[row] === null);
  try {
    const computed = absent.length === 0 ? [] : await codec.reconstruct({ shards: gathered.bodies, lengths: entry.lengths, rows: absent });
    return wanted.map((row) => computed[absent.indexOf(row)] ?? (gathered.bodies[row] as Body).slice(0));
  } catch (error) {
    if (isPangeaError(error, 'CORRUPT')) return [];
    throw error;
  }
}

class ListedSources implements RowSources {
  readonly #sourcesOf: (stripe: number, row: number) => readonly PeerId[];
  readonly #liars: Set<PeerId>;
  readonly #missed = new Set<string>();
  readonly #slow = new Set<PeerId>();

  constructor(sourcesOf: (stripe: number, row: number) => readonly PeerId[], liars: Set<PeerId>) {
    this.#sourcesOf = sourcesOf;
    this.#liars = liars;
  }

  of(stripe: number, row: number): readonly PeerId[] {
    return this.#sourcesOf(stripe, row).filter((peer) => !this.#liars.has(peer) && !this.#missed.has(`${peer}/${row}`));
  }

  isSuspect(peer: PeerId): boolean {
    return this.#slow.has(peer);
  }

  suspect(peer: PeerId): void {
    this.#slow.add(peer);
  }

  missed(peer: PeerId, _stripe: number, row: number): void {
    this.#missed.add(`${peer}/${row}`);
  }

  distrust(peer: PeerId): void {
    this.#liars.add(peer);
  }

  async widen(): Promise<void> {
    // The caller named everybody it knows of.
  }
}

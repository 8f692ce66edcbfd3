/**
 * The end of a put: every holder gets the layout and answers for its shards, by the ladder of acknowledgement.
 * A holder that fails here is replaced and its rows are restored from the others.
 */
import { bodyFrom } from '../../body/body.ts';
import type { EncodedShards } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import { digestOf, type PeerId } from '../../ids/ids.ts';
import { concatBytes } from '../../std/std.ts';
import type { LayoutRequest } from '../../transport/transport.ts';
import type { BuiltLayout } from '../format/layout-view.ts';
import { restoreSlots, type RestoreDependencies } from '../repair/restore.ts';
import { rowAt, rows } from '../format/shape.ts';
import type { AckLevel } from '../types.ts';
import type { Upload } from './upload.ts';

export interface CommitRequest {
  readonly upload: Upload;
  readonly layout: BuiltLayout;
  readonly sealedManifest: Uint8Array;
  readonly deleteSecret: Uint8Array;
  readonly ack: AckLevel;
  /** The shards of a small object, when they travel with the layout. */
  readonly inline: EncodedShards | undefined;
  readonly signal: AbortSignal;
}

export interface Committed {
  readonly fsynced: number;
  readonly holders: number;
}

/** 8+1: what `some` waits for. */
const someSlots = 9;
/** Each round replaces the holders that failed in the one before. */
const maxRounds = 6;
const restoreWindowBytes = 32 * 1024 * 1024;

interface Done {
  readonly mask: number;
  readonly durability: 'memory' | 'fsync';
  readonly hint: string;
}

interface Progress {
  readonly done: Map<PeerId, Done>;
  /** Who was given the layout, whatever came of it. */
  readonly asked: Set<PeerId>;
  /** Who said once that shards are missing. */
  readonly incomplete: Set<PeerId>;
}

/** Throws `DURABILITY_NOT_REACHED` or `NOT_ENOUGH_PEERS`; what was committed until then is deleted as far as it can be reached. */
export async function commitUpload(dependencies: RestoreDependencies, request: CommitRequest): Promise<Committed> {
  const progress: Progress = { done: new Map(), asked: new Set(), incomplete: new Set() };
  const { done } = progress;
  const { headerBytes, indexes, pages } = request.layout;
  const metadata = concatBytes(headerBytes, ...indexes, ...pages, request.sealedManifest);
  try {
    for (let round = 0; round < maxRounds; round++) {
      if (!request.inline) await restoreLost(dependencies, request);
      await commitRound(dependencies, request, metadata, progress);
      if (isDone(request, done)) return await finish(dependencies, request, done);
    }
    throw notReached(request, done);
  } catch (error) {
    const { layout, deleteSecret } = request;
    // One that was replaced may have committed all the same: its answer was late, or got lost.
    for (const peer of progress.asked) {
      void dependencies.calls.ask<'delete'>(peer, { type: 'delete', root: layout.view.root, secret: deleteSecret }).catch(() => undefined);
    }
    throw error;
  }
}

function isDone({ upload }: CommitRequest, done: ReadonlyMap<PeerId, Done>): boolean {
  return [...upload.slotMasks()].every(([peer, mask]) => done.get(peer)?.mask === mask);
}

/** Tells the holders that committed before a replacement who the others are now; a hint, so a failure is no matter. */
async function finish(dependencies: RestoreDependencies, request: CommitRequest, done: ReadonlyMap<PeerId, Done>): Promise<Committed> {
  const masks = request.upload.slotMasks();
  const hint = request.upload.slots.join();
  const stale = [...masks].filter(([peer]) => done.get(peer)?.hint !== hint);
  await Promise.all(stale.map(([peer, mask]) => dependencies.calls.ask<'layout'>(peer, {
    ...layoutRequest(request, mask, 'memory'), headerBytes: 0, pageBytes: [], manifestBytes: 0, inline: [],
  }, { signal: request.signal })));
  const fsynced = [...masks.keys()].filter((peer) => done.get(peer)?.durability === 'fsync').length;
  return { fsynced, holders: masks.size };
}

async function commitRound(
  dependencies: RestoreDependencies, request: CommitRequest, metadata: Uint8Array, { done, asked, incomplete }: Progress,
): Promise<void> {
  const { upload, signal } = request;
  const hint = upload.slots.join();
  const synced = syncedPeers(request);
  await Promise.all([...upload.slotMasks()].map(async ([peer, mask]) => {
    const durability = synced.has(peer) ? 'fsync' : 'memory';
    const before = done.get(peer);
    if (before?.mask === mask && (before.durability === 'fsync' || durability === 'memory')) return;
    asked.add(peer);
    const inline = inlineOf(request, mask);
    // The layout of a large object is megabytes: all holders get the same bytes, not twelve copies.
    const body = bodyFrom(inline.length === 0 ? metadata : concatBytes(metadata, ...inline.map(({ bytes }) => bytes)));
    const outcome = await dependencies.calls.ask<'layout'>(peer, {
      ...layoutRequest(request, mask, durability), inline: inline.map(({ row, bytes }) => ({ stripe: 0, row, byteLength: bytes.length })),
    }, { body, signal });
    if (!outcome.reply) return upload.fail(peer, outcome.failure);
    const { answer } = outcome.reply;
    if (answer.missing.length > 0) {
      // A restart may cost a holder its shards once; one that lacks them again would hold up the put for ever.
      if (incomplete.has(peer)) return upload.fail(peer, 'it lacks shards again that it had confirmed');
      incomplete.add(peer);
      return answer.missing.forEach(({ stripe, row }) => upload.forget(stripe, row));
    }
    if (durability === 'fsync' && answer.durability !== 'fsync') return upload.fail(peer, 'it did not confirm fsync');
    done.set(peer, { mask, durability: answer.durability, hint });
  }));
}

function layoutRequest({ upload, layout, sealedManifest }: CommitRequest, slots: number, durability: 'memory' | 'fsync'): Omit<LayoutRequest, 'inline'> {
  return {
    type: 'layout', root: layout.view.root, object: upload.id, slots, durability, holders: upload.slots,
    headerBytes: layout.headerBytes.length,
    pageBytes: [...layout.indexes, ...layout.pages].map((page) => page.length),
    manifestBytes: sealedManifest.length,
  };
}

/** Holders that are asked for fsync: none, those of the first nine slots, or all. */
function syncedPeers({ upload, ack }: CommitRequest): ReadonlySet<PeerId> {
  const count = ack === 'memory' ? 0 : ack === 'some' ? someSlots : rows;
  return new Set(upload.slots.slice(0, count));
}

function inlineOf({ inline }: CommitRequest, mask: number): { row: number; bytes: Uint8Array }[] {
  const found: { row: number; bytes: Uint8Array }[] = [];
  for (let slot = 0; inline && slot < rows; slot++) {
    const shard = inline.shards[rowAt(0, slot)];
    if ((mask & (1 << slot)) !== 0 && shard && shard.byteLength > 0) found.push({ row: rowAt(0, slot), bytes: shard.bytes() });
  }
  return found;
}

async function restoreLost(dependencies: RestoreDependencies, { upload, layout, signal }: CommitRequest): Promise<void> {
  for (let round = 0; round < maxRounds; round++) {
    const lost = upload.lostRows(layout.view);
    if (lost.length === 0) return;
    const { restored, failed } = await restoreSlots(dependencies, {
      object: upload.id, lost, repair: false, durability: 'memory', windowBytes: restoreWindowBytes, signal,
      entryOf: (stripe) => layout.view.stripe(stripe),
      sourcesOf: (stripe, row) => upload.sourcesOf(stripe, row),
    });
    for (const { stripe, row, target } of restored) upload.confirm(stripe, row, target);
    const unreadable = failed.find(({ side }) => side === 'source');
    if (unreadable) throw new PangeaError('NOT_ENOUGH_PEERS', `more than four holders failed during the put: ${unreadable.reason}`, { data: { stripe: unreadable.stripe } });
    for (const { target, reason } of failed) if (upload.slots.includes(target)) upload.fail(target, reason);
  }
}

function notReached({ upload, ack, layout }: CommitRequest, done: ReadonlyMap<PeerId, Done>): PangeaError {
  const slots = (durability?: 'fsync'): number =>
    upload.slots.filter((peer) => done.has(peer) && (durability === undefined || done.get(peer)?.durability === durability)).length;
  return new PangeaError('DURABILITY_NOT_REACHED', `'${ack}' was asked for; of 12 slots ${slots()} are confirmed and ${slots('fsync')} are on disk`, {
    data: { root: digestOf(layout.view.root), asked: ack, confirmedSlots: slots(), fsyncedSlots: slots('fsync') },
  });
}

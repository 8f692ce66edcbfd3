/**
 * Finds the opening of an object: this node, then known peers in waves, then whoever the DHT names.
 * What comes is verified against the root; a peer that gives something else is named and asked no more.
 */
import type { Codec } from '../../codec/codec.ts';
import { limits as dhtLimits, type Dht } from '../../dht/dht.ts';
import { PangeaError } from '../../errors/errors.ts';
import { digestOf, type PeerId } from '../../ids/ids.ts';
import type { PeerRegistry } from '../../peers/peers.ts';
import { equalBytes, type Clock } from '../../std/std.ts';
import { recordKind, type RecordKind } from '../../store/store.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import { status, type Transport } from '../../transport/transport.ts';
import type { Candidates } from '../candidates.ts';
import { parseHoldersRecord, parseTombstone } from '../format/held-record.ts';
import { deleteTagOf, deriverOf } from '../format/keys.ts';
import { LayoutView } from '../format/layout-view.ts';
import { layoutLimits } from '../format/layout.ts';
import { openingRow, parseOpening } from '../format/opening.ts';
import type { PeerCalls } from '../peer-calls.ts';
import { pagesPerIndex, stripesPerPage } from '../format/shape.ts';

export interface LookupDependencies {
  readonly clock: Clock;
  readonly codec: Codec;
  readonly dht: Dht;
  readonly peers: PeerRegistry;
  readonly transport: Transport;
  readonly logger: Logger;
  readonly calls: PeerCalls;
  readonly candidates: Candidates;
  readonly announceKey: (root: Uint8Array) => Uint8Array;
}

export interface FoundObject {
  readonly view: LayoutView;
  readonly sealedManifest: Uint8Array;
  /** By slot, what the answering holder was told: whom to ask first. */
  readonly hint: readonly (PeerId | undefined)[];
  readonly from: PeerId;
}

/** Known peers that are asked in all; beyond them only the DHT's providers. */
const maxAsked = 64;
const firstWave = 2;
const secondWave = 16;
/** The next wave does not wait longer for silent peers of the one before. */
const staggerMs = 500;

/**
 * Throws `NOT_FOUND`. `data.deleted`: it is proven that the owner deleted it; `data.saidDeleted`: peers that say so
 * where nobody has the layout that could prove it. What a single peer claims hides no object that others have.
 */
export async function findObject(dependencies: LookupDependencies, root: Uint8Array, signal?: AbortSignal): Promise<FoundObject> {
  const asked = new Set<PeerId>();
  const settled = new AbortController();
  const either = signal ? AbortSignal.any([signal, settled.signal]) : settled.signal;
  const saidDeleted: PeerId[] = [];
  const ask = (peers: readonly PeerId[]): Promise<FoundObject | undefined>[] => {
    const fresh = peers.filter((peer) => !asked.has(peer));
    for (const peer of fresh) asked.add(peer);
    return fresh.map(async (peer) => {
      const found = await askOpening(dependencies, root, peer, either);
      if (found === 'deleted') saidDeleted.push(peer);
      return typeof found === 'object' ? found : undefined;
    });
  };
  const known = dependencies.candidates.forReading(root).slice(0, maxAsked);
  const waves = [
    () => ask(known.slice(0, 1)),
    () => ask(known.slice(1, 1 + firstWave)),
    // The DHT may take seconds; the next wave does not wait for it.
    () => [providersOf(dependencies, root).then((peers) => firstOf(ask(peers)))],
    () => ask(known.slice(1 + firstWave, 1 + secondWave)),
    () => ask(known.slice(1 + secondWave)),
  ];
  const attempts: Promise<FoundObject | undefined>[] = [];
  try {
    for (const wave of waves) {
      attempts.push(...wave());
      const found = await firstOf(attempts, dependencies.clock.sleep(staggerMs, settled.signal));
      if (found) return await unlessDeleted(dependencies, found, saidDeleted);
      if (saidDeleted.includes(dependencies.calls.localPeer)) throw deletedError(root);
      signal?.throwIfAborted();
    }
    const found = await firstOf(attempts);
    if (found) return await unlessDeleted(dependencies, found, saidDeleted);
  } finally {
    settled.abort();
    for (const attempt of attempts) attempt.catch(() => undefined);
  }
  throw new PangeaError('NOT_FOUND', `no holder of the object was found; ${asked.size} peers were asked, ${saidDeleted.length} say that it was deleted`, {
    data: { root: digestOf(root), asked: asked.size, deleted: false, saidDeleted },
  });
}

/** A holder that was away may not know yet that the object was deleted; the tombstone of another proves it. */
async function unlessDeleted(dependencies: LookupDependencies, found: FoundObject, saidDeleted: readonly PeerId[]): Promise<FoundObject> {
  const { header, root } = found.view;
  const deriveKey = deriverOf(dependencies.codec);
  const isProof = (secret: Uint8Array): boolean => equalBytes(deleteTagOf(deriveKey, secret), header.deleteTag);
  if (await isDeletionProven(dependencies, root, saidDeleted, isProof)) throw deletedError(root);
  return found;
}

function deletedError(root: Uint8Array): PangeaError {
  return new PangeaError('NOT_FOUND', 'the object was deleted', { data: { root: digestOf(root), deleted: true } });
}

/** Asks for tombstones and checks the secret in them. A peer whose tombstone proves nothing is named. */
export async function isDeletionProven(
  dependencies: LookupDependencies, root: Uint8Array, saidDeleted: readonly PeerId[], isProof: (secret: Uint8Array) => boolean,
): Promise<boolean> {
  for (const peer of saidDeleted) {
    const { reply } = await dependencies.calls.ask<'get'>(peer, getRequest(root, recordKind.tombstone, 0, 0));
    if (!reply) continue;
    try {
      if (isProof(parseTombstone(reply.body.bytes()).secret)) return true;
      blame(dependencies, peer, `its tombstone of ${digestOf(root)} proves no deletion`);
    } catch (error) {
      blame(dependencies, peer, (error as Error).message);
    } finally {
      reply.body.release();
    }
  }
  return false;
}

/** Peers that say in the DHT that they hold the root. Their addresses are made known to the transport. */
export async function providersOf({ dht, peers, transport, announceKey, calls }: LookupDependencies, root: Uint8Array): Promise<readonly PeerId[]> {
  const found = await dht.findProviders(announceKey(root), { limit: dhtLimits.providersPerKey }).catch(() => []);
  for (const { peer, multiaddrs } of found) {
    if (peer === calls.localPeer) continue;
    if (multiaddrs.length > 0) peers.discovered(peer, { multiaddrs });
    const record = peers.get(peer);
    const addresses = [...(record?.quicAddresses ?? []), ...(record?.multiaddrs ?? multiaddrs)];
    if (addresses.length > 0) transport.setAddresses(peer, addresses);
  }
  return found.map(({ peer }) => peer).filter((peer) => peer !== calls.localPeer);
}

/** The first defined result; `undefined` when all are through without one, or when it is `late`. */
function firstOf<T>(attempts: readonly Promise<T | undefined>[], late?: Promise<void>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let left = attempts.length;
    if (left === 0) resolve(undefined);
    late?.then(() => resolve(undefined), () => undefined);
    for (const attempt of attempts) {
      attempt.then((result) => {
        left--;
        if (result !== undefined || left === 0) resolve(result);
      }, reject);
    }
  });
}

async function askOpening(dependencies: LookupDependencies, root: Uint8Array, peer: PeerId, signal?: AbortSignal): Promise<FoundObject | 'deleted' | undefined> {
  const { calls, codec } = dependencies;
  const outcome = await calls.ask<'get'>(peer, getRequest(root, recordKind.header, 0, openingRow), signal ? { signal } : {});
  if (!outcome.reply) return outcome.status === status.gone ? 'deleted' : undefined;
  const bytes = outcome.reply.body.bytes().slice();
  outcome.reply.body.release();
  try {
    const opening = parseOpening(bytes);
    const view = new LayoutView(deriverOf(codec), root.slice(), opening.header);
    view.checkManifest(opening.manifest);
    if (view.indexes > 0) view.addIndex(0, opening.first);
    else view.addPage(0, opening.first);
    return { view, sealedManifest: opening.manifest, hint: parseHoldersRecord(opening.holders).holders, from: peer };
  } catch (error) {
    blame(dependencies, peer, `its opening of ${digestOf(root)} is wrong: ${(error as Error).message}`);
    return undefined;
  }
}

/** Names a peer whose bytes do not verify, in the log and in the registry. */
export function blame({ peers, logger, calls }: Pick<LookupDependencies, 'peers' | 'logger' | 'calls'>, peer: PeerId, reason: string): void {
  logger.warn({ peer, reason }, 'a peer gave bytes that do not verify');
  if (peer !== calls.localPeer) peers.observeThreat(peer, 0.5, reason);
}

export function getRequest(object: Uint8Array, kind: RecordKind, stripe: number, row: number): {
  type: 'get'; object: Uint8Array; kind: number; stripe: number; row: number; offset: number; length: number;
} {
  return { type: 'get', object, kind, stripe, row, offset: 0, length: 0 };
}

/** Fetches the page of a stripe, and the index that names it, from the given peers in turn. Throws `NOT_ENOUGH_SHARDS`. */
export async function ensurePage(
  dependencies: LookupDependencies, view: LayoutView, stripe: number, sources: readonly PeerId[], signal?: AbortSignal,
): Promise<void> {
  const page = Math.floor(stripe / stripesPerPage);
  if (view.hasPage(page)) return;
  const index = Math.floor(page / pagesPerIndex);
  if (!view.hasIndexFor(page)) {
    await fetchPart(dependencies, view, sources, index, 1, layoutLimits.indexBytes, (bytes) => view.addIndex(index, bytes), signal);
  }
  await fetchPart(dependencies, view, sources, page, 0, layoutLimits.pageBytes, (bytes) => view.addPage(page, bytes), signal);
}

async function fetchPart(
  dependencies: LookupDependencies, view: LayoutView, sources: readonly PeerId[], number: number, row: number,
  maxBytes: number, accept: (bytes: Uint8Array) => void, signal?: AbortSignal,
): Promise<void> {
  for (const peer of sources) {
    const outcome = await dependencies.calls.ask<'get'>(peer, getRequest(view.root, recordKind.page, number, row), signal ? { signal } : {});
    if (!outcome.reply) continue;
    const { body } = outcome.reply;
    try {
      if (body.byteLength > maxBytes) throw new PangeaError('LAYOUT_INVALID', 'a page that is too long');
      accept(body.bytes().slice());
      return;
    } catch (error) {
      blame(dependencies, peer, (error as Error).message);
    } finally {
      body.release();
    }
  }
  throw new PangeaError('NOT_ENOUGH_SHARDS', `no holder gave page ${number} of the layout`, { data: { root: digestOf(view.root), page: number } });
}

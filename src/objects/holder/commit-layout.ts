/**
 * The `layout` request: binds an upload to its root once every shard that the sender expects here is here and is
 * what the layout commits to. One fsync for the whole object.
 */
import type { Body } from '../../body/body.ts';
import { PangeaError } from '../../errors/errors.ts';
import { digestOf, parsePeerId, type Digest, type PeerId } from '../../ids/ids.ts';
import { recordKind, type RecordKind, type ShardStore, type StoreRecord } from '../../store/store.ts';
import { equalBytes } from '../../std/std.ts';
import { status, type LayoutRequest, type Reply } from '../../transport/transport.ts';
import { announces } from './announce.ts';
import type { HeldObject } from './held.ts';
import type { HolderDependencies } from './holder.ts';
import { deriverOf } from '../format/keys.ts';
import { identityOf } from '../format/layout.ts';
import { LayoutView } from '../format/layout-view.ts';
import { ok, refuse } from './reply.ts';
import { rowAt, rows } from '../format/shape.ts';

const maxNamedMissing = 4096;
/** Each costs about half a KiB of memory, however small it is. */
const maxHeldObjects = 400_000;

interface ReceivedLayout {
  readonly view: LayoutView;
  /** Header, page indexes, pages and manifest, as they are stored: shares of the request's body. */
  readonly parts: readonly { readonly kind: RecordKind; readonly stripe: number; readonly row: number; readonly body: Body }[];
  /** Inline shards by `stripe/row`. */
  readonly inline: ReadonlyMap<string, { readonly stripe: number; readonly row: number; readonly body: Body }>;
}

/** Called under the lock of the root. */
export async function commitLayout(
  dependencies: HolderDependencies, peer: PeerId, digest: Digest, request: LayoutRequest, body: Body,
): Promise<Reply<'layout'>> {
  const { held, store, uploads, localPeer, storing, clock, announcer } = dependencies;
  if (held.isDeleted(digest)) return refuse(status.gone, 'this object was deleted');
  const known = held.get(digest);
  if (request.headerBytes === 0 && !known) return refuse(status.notFound, 'the layout of this object is not here');
  if (!known && !storing) return refuse(status.denied, 'this node does not store for others');
  if (!known && held.size >= maxHeldObjects) return refuse(status.full, `this node holds ${held.size} objects, as many as it can keep track of`);

  const objectId = known?.objectId ?? request.object.slice();
  const refusal = known ? undefined : mayClaim(dependencies, peer, digest, digestOf(objectId));
  if (refusal) return refusal;

  uploads.touch(digestOf(objectId));
  // A layout that the own disk damaged is healed by one that a peer hands over.
  const received = request.headerBytes === 0 ? undefined : receive(dependencies, request, body);
  const view = received?.view ?? (await held.layout(digest));
  for (const { stripe, row, body: shard } of received?.inline.values() ?? []) {
    if (stripe >= view.header.stripes || view.stripe(stripe).lengths[row] !== shard.byteLength) {
      return refuse(status.mismatch, 'an inline shard has another length than the layout says');
    }
  }
  const missing = missingShards(dependencies, view, objectId, request.slots, received);
  if (missing.length > 0) return ok<'layout'>({ durability: 'memory', missing: missing.slice(0, maxNamedMissing) });

  const mayHint = !known || peer === localPeer || peer === known.committedBy || known.holders.includes(peer);
  const hinted = request.holders.map((text) => parsePeerId(text));
  const object: HeldObject = {
    root: known?.root ?? request.root.slice(),
    digest,
    objectId,
    slots: (known?.slots ?? 0) | (mayHint ? request.slots : 0),
    holders: mayHint ? Array.from({ length: rows }, (_, slot) => hinted[slot] ?? known?.holders[slot]) : known.holders,
    committedMs: known?.committedMs ?? clock.nowMs(),
    ...(known ? (known.committedBy ? { committedBy: known.committedBy } : {}) : { committedBy: peer }),
  };
  const records: StoreRecord[] = [];
  for (const { stripe, row, body: payload } of received?.inline.values() ?? []) {
    records.push({ key: { object: objectId, kind: recordKind.shard, stripe, row }, identity: identityOf(view.stripe(stripe), row), payload });
  }
  const healthy = known !== undefined && (await held.layout(digest).then(() => true, () => false));
  if (received && !healthy) records.push(...(await layoutRecords(dependencies, object.root, received)));
  records.push(await held.holdersRecord(object.root, object));
  await store.put(records, 'memory');
  if (request.durability === 'fsync') {
    await store.sync();
    if (!isAllThere(dependencies, view, objectId, request.slots, received, records)) {
      throw new PangeaError('STORE_IO', 'an fsync of another object failed and took records of this one', { data: { root: digest } });
    }
  }
  held.add(object);
  for (const { stripe, row } of received?.inline.values() ?? []) held.clearDamaged(object, stripe, row);
  for (const { body: share } of [...(received?.inline.values() ?? []), ...(received?.parts ?? [])]) share.release();
  uploads.finish(digestOf(objectId));
  if (announces(object.slots) && !announces(known?.slots ?? 0)) announcer.add(digest);
  return ok<'layout'>({ durability: request.durability, missing: [] });
}

/** An upload becomes one object, by the peer that made it. */
function mayClaim({ held, uploads }: HolderDependencies, peer: PeerId, digest: Digest, upload: Digest): Reply<never> | undefined {
  if (held.ofUpload(upload)) return refuse(status.conflict, 'this upload became another object');
  if (upload !== digest && held.get(upload)) return refuse(status.conflict, 'the upload id is the root of an object');
  if (uploads.has(upload) && !uploads.belongsTo(upload, peer)) return refuse(status.conflict, 'this upload belongs to another peer');
  return undefined;
}

/** Takes the body apart and verifies it from the root down. Throws `LAYOUT_INVALID`. */
function receive({ codec }: HolderDependencies, request: LayoutRequest, body: Body): ReceivedLayout {
  const pageBytes = request.pageBytes.reduce((sum, bytes) => sum + bytes, 0);
  const metadata = body.slice(0, Math.min(request.headerBytes + pageBytes + request.manifestBytes, body.byteLength));
  // One copy out of native memory for everything that is parsed here; inline shards never come into JavaScript.
  const bytes = metadata.bytes();
  metadata.release();
  const parts: ReceivedLayout['parts'][number][] = [];
  let at = 0;
  const share = (length: number): Body => {
    at += length;
    return at > body.byteLength ? body.slice(body.byteLength) : body.slice(at - length, at);
  };
  const keep = (kind: RecordKind, stripe: number, row: number, length: number): Uint8Array => {
    const from = at;
    parts.push({ kind, stripe, row, body: share(length) });
    return bytes.subarray(from, from + length);
  };
  const view = new LayoutView(deriverOf(codec), request.root.slice(), keep(recordKind.header, 0, 0, request.headerBytes));
  if (request.pageBytes.length !== view.indexes + view.pages) throw new PangeaError('LAYOUT_INVALID', `${request.pageBytes.length} pages came with the layout`);
  request.pageBytes.forEach((length, number) => {
    const page = number - view.indexes;
    if (page < 0) view.addIndex(number, keep(recordKind.page, number, 1, length));
    else view.addPage(page, keep(recordKind.page, page, 0, length));
  });
  view.checkManifest(keep(recordKind.manifest, 0, 0, request.manifestBytes));
  const inline = new Map(request.inline.map(({ stripe, row, byteLength }) => [`${stripe}/${row}`, { stripe, row, body: share(byteLength) }]));
  return { view, parts, inline };
}

/** Shards that the slots should have but that are neither stored with the committed identity nor inline. */
function missingShards(
  { store }: HolderDependencies, view: LayoutView, objectId: Uint8Array, slots: number, received: ReceivedLayout | undefined,
): { stripe: number; row: number }[] {
  const missing: { stripe: number; row: number }[] = [];
  let stored: Map<number, Uint8Array> | undefined;
  for (let stripe = 0; stripe < view.header.stripes; stripe++) {
    const entry = view.stripe(stripe);
    for (let slot = 0; slot < rows; slot++) {
      const row = rowAt(stripe, slot);
      if ((slots & (1 << slot)) === 0 || entry.lengths[row] === 0 || received?.inline.has(`${stripe}/${row}`)) continue;
      stored ??= identitiesOf(store, objectId);
      const identity = stored.get(stripe * rows + row);
      if (!identity || !equalBytes(identity, identityOf(entry, row))) missing.push({ stripe, row });
    }
  }
  return missing;
}

/** A failed fsync takes all that was unsynced but is told to one `sync` only, which may be another commit's: so it is looked for once more. */
function isAllThere(
  dependencies: HolderDependencies, view: LayoutView, objectId: Uint8Array, slots: number,
  received: ReceivedLayout | undefined, written: readonly StoreRecord[],
): boolean {
  const isThere = ({ key, identity }: StoreRecord): boolean => equalBytes(dependencies.store.stat(key)?.identity ?? new Uint8Array(0), identity);
  return written.every(isThere) && missingShards(dependencies, view, objectId, slots, received).length === 0;
}

function identitiesOf(store: ShardStore, objectId: Uint8Array): Map<number, Uint8Array> {
  const stored = new Map<number, Uint8Array>();
  for (const { key, identity } of store.records(objectId)) {
    if (key.kind === recordKind.shard) stored.set(key.stripe * rows + key.row, identity);
  }
  return stored;
}

async function layoutRecords({ codec }: HolderDependencies, object: Uint8Array, { parts }: ReceivedLayout): Promise<StoreRecord[]> {
  return Promise.all(parts.map(async ({ kind, stripe, row, body: payload }) => ({
    key: { object, kind, stripe, row }, identity: await codec.identity(payload), payload,
  })));
}

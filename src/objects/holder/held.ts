/**
 * What this node holds: committed objects and tombstones, rebuilt from the store's index after a restart.
 * Shards keep the key they were uploaded under; the holders record says which that is.
 */
import type { Codec } from '../../codec/codec.ts';
import { bodyFrom } from '../../body/body.ts';
import { PangeaError } from '../../errors/errors.ts';
import { bytesOfDigest, digestOf, type Digest, type PeerId } from '../../ids/ids.ts';
import { recordKind, type RecordKind, type ShardStore, type StoreRecord } from '../../store/store.ts';
import { mapConcurrent } from '../../std/std.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import { encodeHoldersRecord, parseHoldersRecord, parseTombstone, type HoldersRecord, type Tombstone } from '../format/held-record.ts';
import { deriverOf } from '../format/keys.ts';
import { LayoutView } from '../format/layout-view.ts';

export interface HeldObject extends HoldersRecord {
  readonly root: Uint8Array;
  readonly digest: Digest;
  /** Who handed the layout over in this process's life; unknown after a restart. */
  readonly committedBy?: PeerId;
}

export interface HeldDependencies {
  readonly store: ShardStore;
  readonly codec: Codec;
  readonly logger: Logger;
}

/** A layout of the longest object has some 14 MiB, one of a small object nothing to speak of. */
const cachedLayouts = 64;
const cachedStripes = 32_768;
const recordsAtOnce = 64;

export class HeldObjects {
  readonly #store: ShardStore;
  readonly #codec: Codec;
  readonly #logger: Logger;
  readonly #objects = new Map<Digest, HeldObject>();
  readonly #rootOfUpload = new Map<Digest, Digest>();
  readonly #deleted = new Set<Digest>();
  /** Shards whose stored bytes failed verification, as `stripe/row`. */
  readonly #damaged = new Map<Digest, Set<string>>();
  readonly #layouts = new Map<Digest, Promise<LayoutView>>();
  /** Stripes of the cached layouts. */
  readonly #stripes = new Map<Digest, number>();
  /** Holders records that are there but could not be read: shards under any id may be theirs. */
  #unread = 0;
  #loading: Promise<void> | undefined;

  constructor({ store, codec, logger }: HeldDependencies) {
    this.#store = store;
    this.#codec = codec;
    this.#logger = logger;
  }

  /** Reads the holders records once; every use of this class waits for it. */
  load(): Promise<void> {
    return (this.#loading ??= this.#load());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(digest: Digest): HeldObject | undefined {
    return this.#objects.get(digest);
  }

  list(): readonly HeldObject[] {
    return [...this.#objects.values()];
  }

  isDeleted(digest: Digest): boolean {
    return this.#deleted.has(digest);
  }

  /** The object that an upload became. */
  ofUpload(id: Digest): HeldObject | undefined {
    const root = this.#rootOfUpload.get(id);
    return root === undefined ? undefined : this.#objects.get(root);
  }

  /** Own header and all pages, verified. Rejects with `LAYOUT_INVALID`, `CORRUPT` or `NOT_FOUND` when the disk lost them. */
  layout(digest: Digest): Promise<LayoutView> {
    let layout = this.#layouts.get(digest);
    if (layout === undefined) {
      layout = this.#readLayout(digest);
      layout.catch(() => this.#layouts.delete(digest));
    }
    this.#layouts.delete(digest);
    this.#layouts.set(digest, layout);
    layout.then(({ header }) => this.#evictLayouts(digest, header.stripes), () => undefined);
    return layout;
  }

  /** The newest is always kept: it is in use. */
  #evictLayouts(newest: Digest, stripes: number): void {
    this.#stripes.set(newest, stripes);
    let total = 0;
    for (const digest of this.#layouts.keys()) total += this.#stripes.get(digest) ?? 0;
    for (const oldest of this.#layouts.keys()) {
      if (oldest === newest || (this.#layouts.size <= cachedLayouts && total <= cachedStripes)) break;
      total -= this.#stripes.get(oldest) ?? 0;
      this.#layouts.delete(oldest);
      this.#stripes.delete(oldest);
    }
  }

  /** `masks[i]` has bit r set when row r of stripe first+i is here and undamaged as far as known. */
  masks(object: HeldObject, first: number, count: number): Uint16Array {
    const masks = new Uint16Array(count);
    const damaged = this.#damaged.get(object.digest);
    for (const { key } of this.#store.records(object.objectId)) {
      const at = key.stripe - first;
      if (key.kind !== recordKind.shard || at < 0 || at >= count || damaged?.has(`${key.stripe}/${key.row}`)) continue;
      masks[at] = (masks[at] ?? 0) | (1 << key.row);
    }
    return masks;
  }

  markDamaged(object: HeldObject, stripe: number, row: number): void {
    let damaged = this.#damaged.get(object.digest);
    if (damaged === undefined) this.#damaged.set(object.digest, (damaged = new Set()));
    // Told once: every peer that asks for the shard finds the damage again.
    if (damaged.has(`${stripe}/${row}`)) return;
    damaged.add(`${stripe}/${row}`);
    this.#logger.warn({ root: object.digest, stripe, row }, 'a stored shard does not match its identity any more; repair will restore it');
  }

  clearDamaged(object: HeldObject, stripe: number, row: number): void {
    this.#damaged.get(object.digest)?.delete(`${stripe}/${row}`);
  }

  /** Rows known to be damaged here. */
  damaged(digest: Digest): readonly { readonly stripe: number; readonly row: number }[] {
    return [...(this.#damaged.get(digest) ?? [])].map((text) => {
      const [stripe, row] = text.split('/').map(Number) as [number, number];
      return { stripe, row };
    });
  }

  /** The record that makes an object held; the caller stores it, then calls `add`. */
  async holdersRecord(root: Uint8Array, record: HoldersRecord): Promise<StoreRecord> {
    const payload = bodyFrom(encodeHoldersRecord(record));
    return { key: { object: root, kind: recordKind.holders, stripe: 0, row: 0 }, identity: await this.#codec.identity(payload), payload };
  }

  add(object: HeldObject): void {
    this.#objects.set(object.digest, object);
    this.#rootOfUpload.set(digestOf(object.objectId), object.digest);
  }

  /** After the tombstone is on disk: forgets the object and removes its records. Gives their number. */
  async bury(digest: Digest): Promise<number> {
    const object = this.#objects.get(digest);
    this.#deleted.add(digest);
    this.#objects.delete(digest);
    this.#layouts.delete(digest);
    this.#damaged.delete(digest);
    const root = bytesOfDigest(digest);
    const keys = this.#store.records(root).map(({ key }) => key).filter(({ kind }) => kind !== recordKind.tombstone);
    if (object !== undefined) {
      const upload = digestOf(object.objectId);
      this.#rootOfUpload.delete(upload);
      if (upload !== digest) keys.push(...this.#store.records(object.objectId).map(({ key }) => key));
    }
    if (keys.length > 0) await this.#store.remove(keys);
    return keys.length;
  }

  async tombstone(digest: Digest): Promise<Tombstone | undefined> {
    const payload = await this.#store.get({ object: bytesOfDigest(digest), kind: recordKind.tombstone, stripe: 0, row: 0 });
    return payload && parseTombstone(payload.bytes());
  }

  /**
   * Ids under which shards or layouts lie that no commit ever claimed. None while a holders record could not be read
   * (a bad sector, a newer version's format): what is merely unknown must not expire.
   */
  unclaimed(): readonly Uint8Array[] {
    if (this.#unread > 0) return [];
    const found = new Map<Digest, Uint8Array>();
    for (const kind of [recordKind.shard, recordKind.header] as const) {
      for (const id of this.#store.objects(kind)) {
        const digest = digestOf(id);
        if (!this.#objects.has(digest) && !this.#rootOfUpload.has(digest)) found.set(digest, id.slice());
      }
    }
    return [...found.values()];
  }

  async #load(): Promise<void> {
    for (const root of this.#store.objects(recordKind.tombstone)) this.#deleted.add(digestOf(root));
    // Many at once: every request waits for this, and one after the other a million records would take minutes.
    await mapConcurrent(this.#store.objects(recordKind.holders), recordsAtOnce, (root) => this.#loadOne(root));
  }

  async #loadOne(root: Uint8Array): Promise<void> {
    const digest = digestOf(root);
    try {
      const record = parseHoldersRecord(await this.#read(digest, recordKind.holders, 0, 0));
      this.add({ ...record, root: root.slice(), digest });
      if (this.#deleted.has(digest)) await this.bury(digest);
    } catch (error) {
      if (!this.#deleted.has(digest)) this.#unread++;
      this.#logger.error({ root: digest, error: (error as Error).message }, 'the record of a held object cannot be read');
    }
  }

  async #readLayout(digest: Digest): Promise<LayoutView> {
    const view = new LayoutView(deriverOf(this.#codec), bytesOfDigest(digest), await this.#read(digest, recordKind.header, 0, 0));
    for (let index = 0; index < view.indexes; index++) view.addIndex(index, await this.#read(digest, recordKind.page, index, 1));
    for (let page = 0; page < view.pages; page++) view.addPage(page, await this.#read(digest, recordKind.page, page, 0));
    return view;
  }

  async #read(digest: Digest, kind: RecordKind, stripe: number, row: number): Promise<Uint8Array> {
    const body = await this.#store.get({ object: bytesOfDigest(digest), kind, stripe, row });
    if (body === undefined) throw new PangeaError('NOT_FOUND', `record ${kind}/${stripe}/${row} of a held object is missing`, { data: { root: digest } });
    const bytes = body.bytes();
    body.release();
    return bytes;
  }
}

/**
 * The holder's side of the shard protocol: what a peer may put, read, commit and delete here.
 * Remote input never throws past `handle`; everything a peer claims is checked against hashes before it is stored.
 */
import { bodyFrom, type Body } from '../../body/body.ts';
import { maxShardBytes, type Codec } from '../../codec/codec.ts';
import { isPangeaError } from '../../errors/errors.ts';
import { digestOf, type Digest, type PeerId } from '../../ids/ids.ts';
import { recordKind, type RecordKind, type ShardStore } from '../../store/store.ts';
import { equalBytes, type Clock } from '../../std/std.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import { status, type DeleteRequest, type GetRequest, type HaveRequest, type LayoutRequest, type PutRequest, type Reply, type Request } from '../../transport/transport.ts';
import type { Announcer } from './announce.ts';
import { encodeTombstone } from '../format/held-record.ts';
import type { HeldObject, HeldObjects } from './held.ts';
import { commitLayout } from './commit-layout.ts';
import { deleteTagOf, deriverOf } from '../format/keys.ts';
import type { KeyedLock } from '../keyed-lock.ts';
import { identityOf } from '../format/layout.ts';
import { encodeOpening, openingRow } from '../format/opening.ts';
import { RepairLeases } from '../repair/leases.ts';
import { ok, refusalOf, refuse } from './reply.ts';
import { maxStripes, rows } from '../format/shape.ts';
import type { Uploads } from './uploads.ts';

export interface HolderDependencies {
  readonly store: ShardStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly localPeer: PeerId;
  /** False: this node keeps nothing for others, only what it was asked to keep before. */
  readonly storing: boolean;
  readonly held: HeldObjects;
  readonly uploads: Uploads;
  readonly announcer: Announcer;
  readonly locks: KeyedLock<Digest>;
}

export class Holder {
  readonly #dependencies: HolderDependencies;
  readonly #leases: RepairLeases;

  constructor(dependencies: HolderDependencies) {
    this.#dependencies = dependencies;
    this.#leases = new RepairLeases(dependencies.clock);
  }

  async handle(peer: PeerId, request: Request, body: Body): Promise<Reply> {
    try {
      await this.#dependencies.held.load();
      switch (request.type) {
        case 'put': return await this.#put(peer, request, body);
        case 'get': return await this.#get(peer, request);
        case 'have': return this.#have(request);
        case 'layout': return await this.#layout(peer, request, body);
        case 'delete': return await this.#delete(request);
        case 'stat': return this.#stat();
        case 'ping': return ok<'ping'>({});
        case 'hello': return refuse(status.badRequest, 'a hello belongs at the beginning of a connection');
      }
    } catch (error) {
      return refusalOf(error, this.#dependencies.logger);
    }
  }

  async #put(peer: PeerId, request: PutRequest, body: Body): Promise<Reply<'put'>> {
    const { store, uploads, localPeer } = this.#dependencies;
    if (body.byteLength > maxShardBytes) return refuse(status.tooLarge, `a shard has at most ${maxShardBytes} bytes`);
    if (body.byteLength === 0 || request.row >= rows || request.stripe >= maxStripes) return refuse(status.badRequest, 'no shard lies there');
    const object = this.#object(digestOf(request.object));
    if (request.repair || object) return this.#putRepaired(peer, object, request, body);
    const refusal = this.#mayUpload(peer, request.object);
    if (refusal) return refusal;
    if (!uploads.reserve(request.object, peer, body.byteLength, peer === localPeer)) {
      return refuse(status.full, 'this peer has too many bytes here that are not committed');
    }
    const key = { object: request.object, kind: recordKind.shard, stripe: request.stripe, row: request.row };
    await store.put([{ key, identity: request.identity, payload: body }], request.durability);
    return ok<'put'>({ durability: request.durability });
  }

  #mayUpload(peer: PeerId, object: Uint8Array): Reply<never> | undefined {
    const { held, uploads, storing } = this.#dependencies;
    const id = digestOf(object);
    if (!storing) return refuse(status.denied, 'this node does not store for others');
    if (held.isDeleted(id)) return refuse(status.gone, 'this object was deleted');
    if (uploads.has(id) && !uploads.belongsTo(id, peer)) return refuse(status.conflict, 'this upload belongs to another peer');
    return undefined;
  }

  /** By its root, or by the upload that became it: a put that loses a holder late restores under the upload's id. */
  #object(digest: Digest): HeldObject | undefined {
    return this.#dependencies.held.get(digest) ?? this.#dependencies.held.ofUpload(digest);
  }

  /** A shard of an object that is held here: the layout says what it must be, whoever sends it. */
  async #putRepaired(peer: PeerId, object: HeldObject | undefined, request: PutRequest, body: Body): Promise<Reply<'put'>> {
    const { held, store } = this.#dependencies;
    if (held.isDeleted(digestOf(request.object))) return refuse(status.gone, 'this object was deleted');
    if (!object) return refuse(status.notFound, 'the layout of this object is not here');
    const layout = await held.layout(object.digest);
    if (request.stripe >= layout.header.stripes) return refuse(status.badRequest, 'the object has no such stripe');
    const entry = layout.stripe(request.stripe);
    if (!equalBytes(identityOf(entry, request.row), request.identity) || entry.lengths[request.row] !== body.byteLength) {
      return refuse(status.mismatch, 'the layout commits to another shard in this place');
    }
    if (request.repair && !this.#leases.claim(object.digest, request.stripe, peer)) return refuse(status.conflict, 'another holder is restoring these stripes');
    const key = { object: object.objectId, kind: recordKind.shard, stripe: request.stripe, row: request.row };
    await store.put([{ key, identity: request.identity, payload: body }], request.durability);
    // Deleted while the shard was being written: it must not stay behind.
    if (held.isDeleted(object.digest)) {
      await store.remove([key]);
      return refuse(status.gone, 'this object was deleted');
    }
    held.clearDamaged(object, request.stripe, request.row);
    return ok<'put'>({ durability: request.durability });
  }

  async #get(peer: PeerId, request: GetRequest): Promise<Reply<'get'>> {
    const { held, store, uploads, localPeer } = this.#dependencies;
    const digest = digestOf(request.object);
    const object = this.#object(digest);
    if (request.kind > recordKind.tombstone) return refuse(status.badRequest, `kind ${request.kind} is not known here`);
    const kind = request.kind as RecordKind;
    if (held.isDeleted(digest) && kind !== recordKind.tombstone) return refuse(status.gone, 'this object was deleted');
    if (kind === recordKind.header && request.row === openingRow) return this.#opening(digest);
    const isOwnUpload = kind === recordKind.shard && (uploads.belongsTo(digest, peer) || (uploads.has(digest) && peer === localPeer));
    if (!object && !isOwnUpload && kind !== recordKind.tombstone) return refuse(status.notFound, 'this object is not here');
    const key = { object: (kind === recordKind.shard ? object?.objectId : object?.root) ?? request.object, kind, stripe: request.stripe, row: request.row };
    const info = store.stat(key);
    if (!info) return refuse(status.notFound, 'this part of the object is not here');
    const length = request.length === 0 ? info.byteLength - request.offset : request.length;
    if (length < 0 || request.offset + length > info.byteLength) return refuse(status.badRequest, `the range ends behind the ${info.byteLength} bytes`);
    try {
      const whole = request.offset === 0 && length === info.byteLength;
      const body = await store.get(key, whole ? undefined : { offset: request.offset, length });
      return body ? ok<'get'>({ totalBytes: info.byteLength }, body) : refuse(status.notFound, 'this part of the object is not here');
    } catch (error) {
      if (!isPangeaError(error, 'CORRUPT') && !isPangeaError(error, 'STORE_IO')) throw error;
      if (object && kind === recordKind.shard) held.markDamaged(object, request.stripe, request.row);
      return refuse(status.notFound, 'this part of the object is damaged here');
    }
  }

  async #opening(digest: Digest): Promise<Reply<'get'>> {
    const { held, store } = this.#dependencies;
    const object = held.get(digest);
    if (!object) return refuse(status.notFound, 'this object is not here');
    const read = async (kind: RecordKind, row: number): Promise<Uint8Array> => {
      const body = await store.get({ object: object.root, kind, stripe: 0, row });
      const bytes = body?.bytes() ?? new Uint8Array(0);
      body?.release();
      return bytes;
    };
    // Not verified here: the reader checks every part against the root, as it has to in any case.
    const header = await read(recordKind.header, 0);
    const isIndexed = store.stat({ object: object.root, kind: recordKind.page, stripe: 0, row: 1 }) !== undefined;
    const [manifest, holders, first] = await Promise.all([read(recordKind.manifest, 0), read(recordKind.holders, 0), read(recordKind.page, isIndexed ? 1 : 0)]);
    const bytes = encodeOpening({ header, manifest, holders, first });
    return ok<'get'>({ totalBytes: bytes.length }, bodyFrom(bytes));
  }

  #have(request: HaveRequest): Reply<'have'> {
    const { held } = this.#dependencies;
    const digest = digestOf(request.root);
    const object = held.get(digest);
    if (request.firstStripe + request.stripes > maxStripes) return refuse(status.badRequest, `an object has at most ${maxStripes} stripes`);
    return ok<'have'>({
      known: object !== undefined,
      deleted: held.isDeleted(digest),
      masks: object ? held.masks(object, request.firstStripe, request.stripes) : new Uint16Array(request.stripes),
    });
  }

  async #layout(peer: PeerId, request: LayoutRequest, body: Body): Promise<Reply<'layout'>> {
    const digest = digestOf(request.root);
    return this.#dependencies.locks.run(digest, () => commitLayout(this.#dependencies, peer, digest, request, body));
  }

  /** The tombstone is on disk before the first record goes: a crash in between ends in deletion, not in half an object. */
  async #delete(request: DeleteRequest): Promise<Reply<'delete'>> {
    const { held, codec, store, clock, announcer, locks, logger } = this.#dependencies;
    const digest = digestOf(request.root);
    return locks.run(digest, async () => {
      if (held.isDeleted(digest)) return ok<'delete'>({ removedRecords: 0 });
      if (!held.get(digest)) return refuse(status.notFound, 'this object is not here');
      const { header } = await held.layout(digest);
      const deriveKey = deriverOf(codec);
      if (!equalBytes(deleteTagOf(deriveKey, request.secret), header.deleteTag)) return refuse(status.denied, 'the secret is not the one of this object');
      const payload = bodyFrom(encodeTombstone({ deletedMs: clock.nowMs(), secret: request.secret }));
      const key = { object: request.root, kind: recordKind.tombstone, stripe: 0, row: 0 };
      await store.put([{ key, identity: await codec.identity(payload), payload }], 'fsync');
      const removedRecords = await held.bury(digest);
      announcer.withdraw(digest);
      logger.info({ root: digest, removedRecords }, 'an object was deleted by its owner');
      return ok<'delete'>({ removedRecords });
    });
  }

  #stat(): Reply<'stat'> {
    const { store, held } = this.#dependencies;
    const { liveBytes, freeBytes } = store.usage();
    return ok<'stat'>({ liveBytes, freeBytes, objects: held.size, label: 0 });
  }
}

/** The own copy of a layout that rotted on disk: fetched again from any other holder, and verified from the root down. */
import { bodyFrom } from '../../body/body.ts';
import type { Codec } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import { recordKind, type RecordKind, type ShardStore, type StoreRecord } from '../../store/store.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import type { HeldObject, HeldObjects } from '../holder/held.ts';
import { LayoutView } from '../format/layout-view.ts';
import { getRequest } from '../get/lookup.ts';
import type { PeerCalls } from '../peer-calls.ts';

export interface LayoutRepairDependencies {
  readonly calls: PeerCalls;
  readonly codec: Codec;
  readonly store: ShardStore;
  readonly held: HeldObjects;
  readonly logger: Logger;
}

/** True when all records of the layout are right on disk again. */
export async function restoreLayout(dependencies: LayoutRepairDependencies, object: HeldObject): Promise<boolean> {
  const { calls, store, held, logger } = dependencies;
  for (const peer of new Set(object.holders)) {
    if (peer === undefined || peer === calls.localPeer) continue;
    try {
      const records = await fetchLayout(dependencies, object, peer);
      await store.put([...records, await held.holdersRecord(object.root, object)], 'fsync');
      logger.info({ root: object.digest, peer }, 'a layout that was damaged here was restored');
      return true;
    } catch (error) {
      logger.debug({ root: object.digest, peer, error: (error as Error).message }, 'a holder did not give the layout');
    }
  }
  return false;
}

/** Throws `NOT_FOUND` where a part is not there, `LAYOUT_INVALID` where it is not what the root commits to. */
async function fetchLayout({ calls, codec }: LayoutRepairDependencies, object: HeldObject, peer: PeerId): Promise<readonly StoreRecord[]> {
  const records: StoreRecord[] = [];
  const fetch = async (kind: RecordKind, stripe: number, row: number): Promise<Uint8Array> => {
    const { reply, failure } = await calls.ask<'get'>(peer, getRequest(object.root, kind, stripe, row));
    if (reply === undefined) throw new PangeaError('NOT_FOUND', failure);
    const bytes = reply.body.bytes().slice();
    reply.body.release();
    const payload = bodyFrom(bytes);
    records.push({ key: { object: object.root, kind, stripe, row }, identity: await codec.identity(payload), payload });
    return bytes;
  };
  const deriveKey = (context: string, material: Uint8Array): Uint8Array => codec.deriveKey(context, material);
  const view = new LayoutView(deriveKey, object.root, await fetch(recordKind.header, 0, 0));
  view.checkManifest(await fetch(recordKind.manifest, 0, 0));
  for (let index = 0; index < view.indexes; index++) view.addIndex(index, await fetch(recordKind.page, index, 1));
  for (let page = 0; page < view.pages; page++) view.addPage(page, await fetch(recordKind.page, page, 0));
  return records;
}

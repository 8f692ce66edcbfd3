/** The layout on its way from one holder to the next, and the hint that all of them keep. */
import { bodyFrom, type Body } from '../../body/body.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import { concatBytes } from '../../std/std.ts';
import { recordKind, type RecordKind, type ShardStore } from '../../store/store.ts';
import type { LayoutRequest } from '../../transport/transport.ts';
import type { HeldObject } from '../holder/held.ts';
import type { LayoutView } from '../format/layout-view.ts';
import { rows } from '../format/shape.ts';

export interface Handout {
  /** Header, index pages, pages and manifest as they are stored here; whoever receives them verifies them. */
  readonly body: Body;
  readonly request: LayoutRequest;
}

/** A first handover: the receiver keeps the layout and expects no shards yet. Throws `NOT_FOUND` or `CORRUPT` when the own layout is damaged. */
export async function layoutHandout(store: ShardStore, object: HeldObject, view: LayoutView): Promise<Handout> {
  const read = async (kind: RecordKind, stripe: number, row: number): Promise<Uint8Array> => {
    const body = await store.get({ object: object.root, kind, stripe, row });
    if (body === undefined) throw new PangeaError('NOT_FOUND', `record ${kind}/${stripe}/${row} of a held object is missing`, { data: { root: object.digest } });
    return body.bytes();
  };
  const pages: Uint8Array[] = [];
  for (let index = 0; index < view.indexes; index++) pages.push(await read(recordKind.page, index, 1));
  for (let page = 0; page < view.pages; page++) pages.push(await read(recordKind.page, page, 0));
  const manifest = await read(recordKind.manifest, 0, 0);
  return {
    body: bodyFrom(concatBytes(view.headerBytes, ...pages, manifest)),
    request: {
      ...layoutUpdate(object, object.holders, 0, 'memory'),
      headerBytes: view.headerBytes.length,
      pageBytes: pages.map((page) => page.length),
      manifestBytes: manifest.length,
    },
  };
}

/** For a peer that has the layout: which slots it shall keep (0: as before), and who the holders are now. */
export function layoutUpdate(
  object: HeldObject, holders: readonly (PeerId | undefined)[], slots: number, durability: 'memory' | 'fsync',
): LayoutRequest {
  return {
    type: 'layout', root: object.root, object: object.root,
    headerBytes: 0, pageBytes: [], manifestBytes: 0, inline: [],
    slots, holders: Array.from({ length: rows }, (_, slot) => holders[slot] ?? ''), durability,
  };
}

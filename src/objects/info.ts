/** What is known of an object and who holds it now, by asking them. */
import { digestOf, type PeerId } from '../ids/ids.ts';
import { mapConcurrent } from '../std/std.ts';
import type { CatalogueEntry } from './catalogue.ts';
import type { DirectoryMember } from './format/directory.ts';
import { unsealManifest, type GetDependencies } from './get/get.ts';
import { formatLink } from './format/link.ts';
import { ensurePage, findObject, type FoundObject } from './get/lookup.ts';
import { survivesFailures } from './format/placement.ts';
import { requireKey, type Resolved } from './get/reference.ts';
import { rowAt, rows, stripesPerPage } from './format/shape.ts';
import { Sources } from './get/sources.ts';
import type { ObjectInfo, ObjectRecord } from './types.ts';

const membersAtOnce = 4;

export async function objectInfo(dependencies: GetDependencies, resolved: Resolved): Promise<ObjectInfo> {
  const found = await findObject(dependencies, resolved.root);
  // Read also where the catalogue knows the object: a link with a wrong key is to be told so.
  const read = resolved.key || !resolved.entry ? readRecord(dependencies, found, requireKey(resolved)) : undefined;
  const record = resolved.entry ? recordOf(resolved.entry) : (read as ObjectRecord);
  const sources = new Sources(dependencies, found);
  await sources.widen();
  const { header } = found.view;
  for (let stripe = 0; stripe < header.stripes; stripe += stripesPerPage) await ensurePage(dependencies, found.view, stripe, sources.peers());

  const masks = sources.masks();
  const counts = new Map<PeerId, number>([...masks.keys()].map((peer) => [peer, 0]));
  const completeSlots = new Map<number, PeerId>();
  const brokenSlots = new Map<PeerId, Set<number>>([...masks.keys()].map((peer) => [peer, new Set()]));
  let [total, present] = [0, 0];
  for (let stripe = 0; stripe < header.stripes; stripe++) {
    const { lengths } = found.view.stripe(stripe);
    for (let slot = 0; slot < rows; slot++) {
      const row = rowAt(stripe, slot);
      if (lengths[row] === 0) continue;
      total++;
      let anywhere = false;
      for (const [peer, held] of masks) {
        if (((held[stripe] ?? 0) & (1 << row)) === 0) {
          brokenSlots.get(peer)?.add(slot);
          continue;
        }
        counts.set(peer, (counts.get(peer) ?? 0) + 1);
        anywhere = true;
      }
      if (anywhere) present++;
    }
  }
  // A slot counts for the holder that has all of it; where several do, for the one that the hint names.
  for (let slot = 0; slot < rows; slot++) {
    const complete = [...masks.keys()].filter((peer) => !brokenSlots.get(peer)?.has(slot));
    const holder = complete.find((peer) => found.hint[slot] === peer) ?? complete[0];
    if (holder !== undefined) completeSlots.set(slot, holder);
  }
  const silent = found.hint.filter((peer): peer is PeerId => peer !== undefined && !masks.has(peer));
  return {
    ...record,
    storedBytes: header.storedBytes + masks.size * (found.view.headerBytes.length + header.manifestBytes),
    stripes: header.stripes,
    mode: header.mode,
    holders: [
      ...[...counts].filter(([, shards]) => shards > 0).map(([peer, shards]) => ({ peer, shards, live: true })),
      ...[...new Set(silent)].map((peer) => ({ peer, shards: 0, live: false })),
    ],
    shardsPresent: present,
    shardsTotal: total,
    survivesFailures: survivesFailures(Array.from({ length: rows }, (_, slot) => completeSlots.get(slot))),
  };
}

/** The list of a directory and all its members as one: what is weakest counts. */
export async function treeInfo(dependencies: GetDependencies, list: ObjectInfo, members: readonly DirectoryMember[]): Promise<ObjectInfo> {
  const infos = await mapConcurrent(members, membersAtOnce, ({ root, key }) => objectInfo(dependencies, { root, key, entry: undefined }));
  const holders = new Map<string, { peer: string; shards: number; live: boolean }>();
  for (const { peer, shards, live } of [list, ...infos].flatMap((info) => info.holders)) {
    const known = holders.get(peer);
    holders.set(peer, { peer, shards: (known?.shards ?? 0) + shards, live: live && (known?.live ?? true) });
  }
  const sum = (of: (info: ObjectInfo) => number): number => infos.reduce((total, info) => total + of(info), of(list));
  return {
    ...list,
    storedBytes: sum((info) => info.storedBytes),
    stripes: sum((info) => info.stripes),
    holders: [...holders.values()],
    shardsPresent: sum((info) => info.shardsPresent),
    shardsTotal: sum((info) => info.shardsTotal),
    survivesFailures: infos.reduce((least, info) => Math.min(least, info.survivesFailures), list.survivesFailures),
  };
}

export function recordOf({ root, link, name, kind, bytes, mediaType, createdMs }: CatalogueEntry): ObjectRecord {
  return { root, link, name, kind, bytes, mediaType, createdMs };
}

function readRecord({ codec }: GetDependencies, found: FoundObject, key: Uint8Array): ObjectRecord {
  const { manifest } = unsealManifest(codec, found, key);
  return {
    root: digestOf(found.view.root), link: formatLink({ root: found.view.root, key }),
    name: manifest.name, kind: manifest.kind === 'directory' ? 'directory' : 'file',
    bytes: manifest.plaintextBytes, mediaType: manifest.mediaType, createdMs: manifest.createdMs,
  };
}

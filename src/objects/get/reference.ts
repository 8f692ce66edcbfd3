/** What a user gives to name an object: a link, a root whose key the catalogue has, or a name in the catalogue. */
import { PangeaError } from '../../errors/errors.ts';
import { bytesOfDigest, digestOf, parseDigest } from '../../ids/ids.ts';
import type { Catalogue, CatalogueEntry } from '../catalogue.ts';
import { looksLikeLink, parseLink } from '../format/link.ts';

export interface Resolved {
  readonly root: Uint8Array;
  /** Absent where only the root is known. */
  readonly key: Uint8Array | undefined;
  readonly entry: CatalogueEntry | undefined;
}

/** Throws `LINK_INVALID`, `LINK_TRUNCATED`, or `NOT_FOUND` for a name that the catalogue does not have. */
export async function resolveReference(catalogue: Catalogue, reference: string): Promise<Resolved> {
  if (looksLikeLink(reference)) {
    const link = parseLink(reference);
    const entry = await catalogue.byRoot(digestOf(link.root));
    return { root: link.root, key: link.key ?? keyOf(entry), entry };
  }
  const digest = parseDigest(reference);
  if (digest !== undefined) {
    const entry = await catalogue.byRoot(digest);
    return { root: bytesOfDigest(digest), key: keyOf(entry), entry };
  }
  const entry = await catalogue.byName(reference);
  if (!entry) throw new PangeaError('NOT_FOUND', 'no object of this name is in the catalogue, and it is neither a link nor a root');
  return { root: parseLink(entry.link).root, key: keyOf(entry), entry };
}

/** Throws `NO_KEY` where only a root is known. */
export function requireKey({ root, key }: Resolved): Uint8Array {
  if (key) return key;
  throw new PangeaError('NO_KEY', 'the key of this object is not in the catalogue; give its whole link', { data: { root: digestOf(root) } });
}

function keyOf(entry: CatalogueEntry | undefined): Uint8Array | undefined {
  return entry && parseLink(entry.link).key;
}

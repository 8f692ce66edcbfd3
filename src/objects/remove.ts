/** Deletes an object wherever it can be reached. Who is away learns it later from a tombstone, with its proof. */
import { isPangeaError, PangeaError } from '../errors/errors.ts';
import { bytesOfDigest, digestOf, parseDigest, type PeerId } from '../ids/ids.ts';
import { equalBytes } from '../std/std.ts';
import { status } from '../transport/transport.ts';
import type { Catalogue } from './catalogue.ts';
import type { GetDependencies } from './get/get.ts';
import { checkCommitment, deriveObjectKeys, deriverOf } from './format/keys.ts';
import { findObject, isDeletionProven, type FoundObject } from './get/lookup.ts';
import type { Resolved } from './get/reference.ts';
import { Sources } from './get/sources.ts';

export interface RemoveDependencies extends GetDependencies {
  readonly catalogue: Catalogue;
  readonly objectKey: (salt: Uint8Array) => Uint8Array;
}

export interface Removed {
  readonly root: string;
  /** Holders that removed it or had removed it before. */
  readonly confirmed: number;
  readonly holders: number;
}

/** Throws `NOT_FOUND` when nobody knows the object, `WRONG_KEY` when it is not this owner's. */
export async function removeObject(dependencies: RemoveDependencies, resolved: Resolved): Promise<Removed> {
  const { catalogue } = dependencies;
  const digest = digestOf(resolved.root);
  const removed = await removeOne(dependencies, resolved.root, resolved.key);
  for (const child of resolved.entry?.children ?? []) {
    const root = parseDigest(child);
    // A member that is gone already is no reason to keep the rest.
    if (root) await removeOne(dependencies, bytesOfDigest(root), undefined).catch((error: unknown) => {
      if (!isPangeaError(error, 'NOT_FOUND')) throw error;
    });
  }
  // One tombstone is enough: it spreads. Without any the entry stays, so that the owner can try again.
  if (removed.confirmed > 0 || removed.holders === 0) await catalogue.remove(digest);
  return { root: digest, ...removed };
}

async function removeOne(dependencies: RemoveDependencies, root: Uint8Array, key: Uint8Array | undefined): Promise<Omit<Removed, 'root'>> {
  let found: FoundObject;
  try {
    found = await findObject(dependencies, root);
  } catch (error) {
    if (isPangeaError(error, 'NOT_FOUND') && (await wasDeleted(dependencies, root, key, error))) return { confirmed: 0, holders: 0 };
    throw error;
  }
  const { codec, calls, objectKey } = dependencies;
  const { header } = found.view;
  const deriveKey = deriverOf(codec);
  const keys = deriveObjectKeys(deriveKey, key ?? objectKey(header.salt));
  checkCommitment(keys, header.keyCommitment);
  const sources = new Sources(dependencies, found);
  await sources.widen();
  const holders = new Set([...sources.masks().keys(), ...found.hint.filter((peer) => peer !== undefined)]);
  const outcomes = await Promise.all([...holders].map((peer) => calls.ask<'delete'>(peer, { type: 'delete', root, secret: keys.deleteSecret })));
  const confirmed = outcomes.filter((outcome) => outcome.reply !== undefined || outcome.status === status.gone).length;
  if (confirmed === 0) {
    throw new PangeaError('PEER_UNREACHABLE', `none of the ${holders.size} holders could be reached; nothing was deleted`, { data: { root: digestOf(root) } });
  }
  return { confirmed, holders: holders.size };
}

/** The owner's key proves a tombstone without the layout: a mere claim must not cost the catalogue its entry. */
async function wasDeleted(dependencies: RemoveDependencies, root: Uint8Array, key: Uint8Array | undefined, error: PangeaError): Promise<boolean> {
  if (error.data['deleted'] === true || key === undefined) return error.data['deleted'] === true;
  const { codec } = dependencies;
  const { deleteSecret } = deriveObjectKeys(deriverOf(codec), key);
  const saidDeleted = error.data['saidDeleted'] as readonly PeerId[];
  return isDeletionProven(dependencies, root, saidDeleted, (secret) => equalBytes(secret, deleteSecret));
}

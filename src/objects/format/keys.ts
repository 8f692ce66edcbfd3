/** Everything that follows from an object's key. One-way, so a link gives away one object only. */
import { timingSafeEqual } from 'node:crypto';
import type { Codec } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import { concatBytes, utf8 } from '../../std/std.ts';
import type { DeriveKey } from './layout.ts';

const context = {
  data: 'pangea-node 1 data key',
  manifest: 'pangea-node 1 manifest key',
  deleteSecret: 'pangea-node 1 delete secret',
  commitment: 'pangea-node 1 key commitment',
  deleteTag: 'pangea-node 1 delete tag',
} as const;

/** The codec's `derive_key` as a function, which is all that formats need of a codec. */
export function deriverOf(codec: Codec): DeriveKey {
  return (context, material) => codec.deriveKey(context, material);
}

export interface ObjectKeys {
  readonly dataKey: Uint8Array;
  readonly manifestKey: Uint8Array;
  /** Shown to holders, it deletes; its hash stands in the layout. */
  readonly deleteSecret: Uint8Array;
  readonly commitment: Uint8Array;
  readonly deleteTag: Uint8Array;
}

export function deriveObjectKeys(deriveKey: DeriveKey, objectKey: Uint8Array): ObjectKeys {
  const deleteSecret = deriveKey(context.deleteSecret, objectKey);
  return {
    dataKey: deriveKey(context.data, objectKey),
    manifestKey: deriveKey(context.manifest, objectKey),
    deleteSecret,
    commitment: deriveKey(context.commitment, objectKey),
    deleteTag: deleteTagOf(deriveKey, deleteSecret),
  };
}

export function deleteTagOf(deriveKey: DeriveKey, deleteSecret: Uint8Array): Uint8Array {
  return deriveKey(context.deleteTag, deleteSecret);
}

/** Throws `WRONG_KEY`, so that a wrong key is never mistaken for damaged data. */
export function checkCommitment(keys: ObjectKeys, commitment: Uint8Array): void {
  if (!timingSafeEqual(keys.commitment, commitment)) throw new PangeaError('WRONG_KEY', 'the key is not the one of this object');
}

/** Bound into the sealed manifest, so that it opens for this object alone. */
export function manifestContext(salt: Uint8Array): Uint8Array {
  return concatBytes(utf8('pangea-node 1 manifest'), salt);
}

/**
 * Names of things, as types: so that a root is never passed where a peer is meant.
 *
 * Binary identifiers are 32-byte `Uint8Array`s on the wire and at the native boundary, and lower-case
 * hex strings (`Digest`) where they are keys of maps or shown to people.
 */
import { fromHex, toHex } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** 64 lower-case hex digits of a 32-byte hash. */
export type Digest = Branded<string, 'Digest'>;
/** libp2p PeerId of an Ed25519 key in base58btc, `12D3KooW…`. */
export type PeerId = Branded<string, 'PeerId'>;

export const digestBytes = 32;

export function digestOf(bytes: Uint8Array): Digest {
  if (bytes.length !== digestBytes) {
    throw new PangeaError('INTERNAL', `a digest has ${digestBytes} bytes, not ${bytes.length}`);
  }
  return toHex(bytes) as Digest;
}

export function bytesOfDigest(digest: Digest): Uint8Array {
  return fromHex(digest);
}

/** Text from outside to a digest, or `undefined` when it is not one. */
export function parseDigest(text: string): Digest | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? (text as Digest) : undefined;
}

/** Text from outside to a PeerId, or `undefined`. Checks the shape only: base58btc of an identity multihash. */
export function parsePeerId(text: string): PeerId | undefined {
  return /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/.test(text) ? (text as PeerId) : undefined;
}

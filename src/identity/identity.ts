/**
 * Keys and membership: the node's Ed25519 identity, its owner's master secret with the recovery phrase,
 * network keys, tickets and certificates. Secrets live in files of mode 0600 in the data directory and are never logged.
 */
import type { PeerId } from '../ids/ids.ts';

export interface NodeIdentity {
  readonly peerId: PeerId;
  /** 32-byte Ed25519 seed. */
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** Derived from the owner's 32-byte master secret by BLAKE3 derive_key. */
export interface OwnerKeys {
  /** 32-byte key of the object with this salt. */
  objectKey(salt: Uint8Array): Uint8Array;
  readonly catalogueKey: Uint8Array;
  /** Seed of the Ed25519 network key. */
  readonly networkSeed: Uint8Array;
  /** BIP-39 words of the master secret. */
  recoveryPhrase(): string;
}

/** Which network the node belongs to, read from the data directory. */
export interface Membership {
  /** Hex of the network's Ed25519 public key. */
  readonly networkId: string;
  /** Own certificate, in its wire form. */
  readonly certificate: Uint8Array;
  /** 32 bytes: mixed into the announced roots. */
  readonly discoverySecret: Uint8Array;
  /** True on the machine that ran `init`: it can invite and revoke. */
  readonly canInvite: boolean;
  /** Checks a certificate shown by an authenticated peer: signature, PeerId, time, revocation. */
  admits(peer: PeerId, certificate: Uint8Array, nowMs: number): boolean;
}

export { loadIdentity, createIdentity, peerIdOf, verifySignature } from './keys.ts';
export { loadOwnerKeys, ownerKeysOf } from './owner.ts';
export { initNetwork, loadMembership, createTicket, parseTicket, proveTicket, acceptJoin, storeMembership, revokeMember } from './membership.ts';

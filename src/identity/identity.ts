/**
 * Keys and membership: the node's Ed25519 identity, its owner's master secret with the recovery phrase,
 * network keys, tickets and certificates. Secrets live in files of mode 0600 in the data directory and are never logged.
 *
 * Joining is one exchange over a libp2p stream of `joinProtocol`; the composition root moves the bytes:
 * `joinRequest` → stream → `membership.inviter.handleJoin` → stream → `finishJoin`. Bytes: `schema/membership.md`.
 */
import type { PeerId } from '../ids/ids.ts';
import type { Inviter } from './inviter.ts';

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
  /** The owner's side, there exactly when `canInvite`. */
  readonly inviter: Inviter | undefined;
  /** Checks a certificate shown by an authenticated peer: signature, PeerId, time, revocation. */
  admits(peer: PeerId, certificate: Uint8Array, nowMs: number): boolean;
  isRevoked(peer: PeerId): boolean;
  /** All ended memberships known here, signed one by one: to be shown to other members. At most `maxRevocationListBytes`. */
  revocations(): Uint8Array;
  /** Takes another member's list; gives how many were new. Throws `PROTOCOL` for what the network's key did not sign. */
  learnRevocations(list: Uint8Array): Promise<number>;
  /** Called for each membership that ends while the node runs: connections have to be checked again. */
  onRevoked(listener: (peer: PeerId) => void): () => void;
}

export { createIdentity, identityOfSeed, loadIdentity, peerIdOf, publicKeyOf, verifySignature } from './keys.ts';
export { createOwnerKeys, loadOwnerKeys, masterOfPhrase, ownerKeysOf, restoreOwnerKeys, type DeriveKey } from './owner.ts';
export { finishJoin, initNetwork, loadMembership } from './membership.ts';
export { joinProtocol, joinRequest, joinRequestBytes, maxJoinAnswerBytes } from './join.ts';
export { parseTicket, type Ticket } from './ticket.ts';
export { maxRevocationListBytes } from './revocation.ts';
export type { Inviter, TicketOptions } from './inviter.ts';
export type { CredentialStore } from './storage.ts';

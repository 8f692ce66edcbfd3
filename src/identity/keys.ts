import { createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { access } from 'node:fs/promises';
import { base58btc } from 'multiformats/bases/base58';
import { concatBytes } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';
import { parsePeerId, type PeerId } from '../ids/ids.ts';
import type { NodeIdentity } from './identity.ts';
import { readKeyFile, writeKeyFile, type KeyFileKind } from './key-file.ts';
import { identityPath, membershipPath } from './paths.ts';

export const seedBytes = 32;
export const publicKeyBytes = 32;
export const signatureBytes = 64;

const identityFile: KeyFileKind = { magic: 'PGID', version: 1, payloadBytes: seedBytes };

/** RFC 8410 in front of an Ed25519 seed (PKCS #8) and public key (SubjectPublicKeyInfo): all that node:crypto takes. */
const privateKeyPrefix = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);
const publicKeyPrefix = Uint8Array.of(0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0);
/** libp2p: identity multihash (0, 36 bytes) of the protobuf PublicKey { Type: Ed25519, Data: 32 bytes }. */
const peerIdPrefix = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);

/** An Ed25519 pair from its 32-byte seed. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** The identity in this data directory, or `undefined` when it has none yet. Throws `KEY_FILE_EXPOSED`, `KEY_FILE_INVALID`. */
export async function loadIdentity(directory: string): Promise<NodeIdentity | undefined> {
  const seed = await readKeyFile(identityPath(directory), identityFile);
  return seed && identityOfSeed(seed);
}

/**
 * Draws a new identity and writes it durably. Throws `KEY_FILE_EXISTS`, since an identity is never replaced, and
 * `STORE_FOREIGN` in the directory of a member whose own identity is gone: a new one would not be let in.
 */
export async function createIdentity(directory: string): Promise<NodeIdentity> {
  const ofMember = await access(membershipPath(directory)).then(() => true, () => false);
  if (ofMember && (await loadIdentity(directory)) === undefined) {
    throw new PangeaError('STORE_FOREIGN', `${directory} belongs to another node, whose identity.key is missing: restore that file or use another directory`);
  }
  const seed = new Uint8Array(randomBytes(seedBytes));
  await writeKeyFile(identityPath(directory), identityFile, seed, { replace: false });
  return identityOfSeed(seed);
}

export function identityOfSeed(seed: Uint8Array): NodeIdentity {
  const pair = keyPairOf(seed);
  return { peerId: peerIdOf(pair.publicKey), seed, publicKey: pair.publicKey, sign: pair.sign };
}

export function keyPairOf(seed: Uint8Array): KeyPair {
  if (seed.length !== seedBytes) throw new PangeaError('INTERNAL', `an Ed25519 seed has ${seedBytes} bytes, not ${seed.length}`);
  const privateKey = createPrivateKey({ key: Buffer.from(concatBytes(privateKeyPrefix, seed)), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    publicKey: new Uint8Array(spki.subarray(publicKeyPrefix.length)),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

export function peerIdOf(publicKey: Uint8Array): PeerId {
  if (publicKey.length !== publicKeyBytes) {
    throw new PangeaError('INTERNAL', `an Ed25519 public key has ${publicKeyBytes} bytes, not ${publicKey.length}`);
  }
  return base58btc.baseEncode(concatBytes(peerIdPrefix, publicKey)) as PeerId;
}

/** The Ed25519 key inside a PeerId, or `undefined` when the text is none after all. */
export function publicKeyOf(peer: PeerId): Uint8Array | undefined {
  if (parsePeerId(peer) === undefined) return undefined;
  const bytes = base58btc.baseDecode(peer);
  const fits = bytes.length === peerIdPrefix.length + publicKeyBytes && peerIdPrefix.every((byte, at) => bytes[at] === byte);
  return fits ? bytes.slice(peerIdPrefix.length) : undefined;
}

/** False for a wrong signature and for bytes that are no key or no signature. */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(concatBytes(publicKeyPrefix, publicKey)), format: 'der', type: 'spki' });
  } catch {
    return false;
  }
  return verify(null, message, key, signature);
}

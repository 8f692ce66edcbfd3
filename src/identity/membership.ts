import { concatBytes, equalBytes, toHex } from '../std/std.ts';
import { isPangeaError, PangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import { certificateBytes, isCurrent, issueCertificate, parseCertificate, type Certificate } from './certificate.ts';
import type { Membership, NodeIdentity, OwnerKeys } from './identity.ts';
import { Inviter } from './inviter.ts';
import { discoverySecretBytes, parseJoinAnswer, type JoinVerdict } from './join.ts';
import { readKeyFile, writeKeyFile, type KeyFileKind } from './key-file.ts';
import { keyPairOf, peerIdOf, publicKeyOf } from './keys.ts';
import type { DeriveKey } from './owner.ts';
import { membershipPath } from './paths.ts';
import { Revocations } from './revocation.ts';
import type { CredentialStore } from './storage.ts';
import type { Ticket } from './ticket.ts';

const membershipFile: KeyFileKind = { magic: 'PGNW', version: 1, payloadBytes: discoverySecretBytes + certificateBytes };
const discoveryContext = 'pangea-node 1 discovery secret';

/**
 * Makes the owner's private network and enters it. Gives the network id. The network follows from the owner's
 * master secret, so a second `init` after a recovery enters the same one. Throws `KEY_FILE_EXISTS` where a network is set.
 */
export async function initNetwork(options: {
  directory: string;
  identity: NodeIdentity;
  owner: OwnerKeys;
  deriveKey: DeriveKey;
  nowMs: number;
}): Promise<string> {
  const network = keyPairOf(options.owner.networkSeed);
  const certificate = issueCertificate(network, { key: options.identity.publicKey, role: 'owner', nowMs: options.nowMs });
  const discoverySecret = options.deriveKey(discoveryContext, options.owner.networkSeed);
  await writeKeyFile(membershipPath(options.directory), membershipFile, concatBytes(discoverySecret, certificate), { replace: false });
  return toHex(network.publicKey);
}

/**
 * Reads the inviter's answer and stores the membership. Gives the network id. Throws `PEER_REFUSED` with the reason,
 * `PROTOCOL` for an answer that is not what was asked, `KEY_FILE_EXISTS` when the directory belongs to another network.
 */
export async function finishJoin(options: {
  directory: string;
  identity: NodeIdentity;
  ticket: Ticket;
  request: Uint8Array;
  answer: Uint8Array;
  nowMs: number;
}): Promise<string> {
  const { directory, identity, ticket, nowMs } = options;
  const { verdict, granted } = parseJoinAnswer(options.answer, options.request);
  if (granted === undefined) throw new PangeaError('PEER_REFUSED', refusals[verdict], { data: { verdict } });
  const certificate = parseCertificate(granted.certificate);
  if (!isCurrent(certificate, { networkKey: ticket.networkKey, subjectKey: identity.publicKey, nowMs })) {
    throw new PangeaError('PROTOCOL', 'join answer: the certificate is not for this node, this network and this time');
  }
  const held = await readMembership(directory);
  if (held !== undefined && !equalBytes(held.certificate.networkKey, ticket.networkKey)) {
    throw new PangeaError('KEY_FILE_EXISTS', `${directory} belongs to the network ${toHex(held.certificate.networkKey)}: use another data directory`);
  }
  await writeKeyFile(membershipPath(directory), membershipFile, concatBytes(granted.discoverySecret, granted.certificate), { replace: true });
  return ticket.networkId;
}

/**
 * The network of this data directory, or `undefined` when it belongs to none. Throws `STORE_FOREIGN` when the
 * certificate is another node's, and what reading a key file throws.
 */
export async function loadMembership(options: {
  directory: string;
  identity: NodeIdentity;
  /** Makes the node able to invite when the network is this owner's. */
  owner: OwnerKeys | undefined;
  storage: CredentialStore;
}): Promise<Membership | undefined> {
  const { directory, identity, owner, storage } = options;
  const held = await readMembership(directory);
  if (held === undefined) return undefined;
  const { networkKey, subjectKey } = held.certificate;
  if (!equalBytes(subjectKey, identity.publicKey)) {
    const other = peerIdOf(subjectKey);
    throw new PangeaError('STORE_FOREIGN', `${membershipPath(directory)} is of the node ${other}, this one is ${identity.peerId}`);
  }
  const revocations = await Revocations.load(storage, networkKey);
  const network = owner && keyPairOf(owner.networkSeed);
  const inviter = network && equalBytes(network.publicKey, networkKey)
    ? new Inviter({ identity, network, discoverySecret: held.discoverySecret, storage, revocations })
    : undefined;
  return {
    networkId: toHex(networkKey),
    certificate: held.certificateBytes,
    discoverySecret: held.discoverySecret,
    canInvite: inviter !== undefined,
    inviter,
    admits: (peer, certificate, nowMs) => !revocations.has(peer) && isMember(networkKey, peer, certificate, nowMs),
    isRevoked: (peer) => revocations.has(peer),
    revocations: () => revocations.list(),
    learnRevocations: (list) => revocations.learn(list),
    onRevoked: (listener) => revocations.onRevoked(listener),
  };
}

const refusals: Record<JoinVerdict, string> = {
  accepted: 'the inviter accepted but sent nothing',
  refused: 'the inviter does not know this ticket',
  expired: 'the ticket has expired: ask for a new one',
  'used-up': 'the ticket is used up: ask for a new one',
  revoked: 'the membership of this node was revoked',
};

function isMember(networkKey: Uint8Array, peer: PeerId, bytes: Uint8Array, nowMs: number): boolean {
  const subjectKey = publicKeyOf(peer);
  if (subjectKey === undefined) return false;
  try {
    return isCurrent(parseCertificate(bytes), { networkKey, subjectKey, nowMs });
  } catch (error) {
    if (isPangeaError(error, 'PROTOCOL')) return false;
    throw error;
  }
}

interface HeldMembership {
  readonly discoverySecret: Uint8Array;
  readonly certificate: Certificate;
  readonly certificateBytes: Uint8Array;
}

async function readMembership(directory: string): Promise<HeldMembership | undefined> {
  const path = membershipPath(directory);
  const payload = await readKeyFile(path, membershipFile);
  if (payload === undefined) return undefined;
  const bytes = payload.slice(discoverySecretBytes);
  try {
    return { discoverySecret: payload.slice(0, discoverySecretBytes), certificate: parseCertificate(bytes), certificateBytes: bytes };
  } catch (error) {
    throw new PangeaError('KEY_FILE_INVALID', `${path}: ${(error as Error).message}`, { cause: error });
  }
}

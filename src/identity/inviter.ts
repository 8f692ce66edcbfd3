/** The side of the network's owner: makes tickets, answers joins, ends memberships. */
import { randomBytes } from 'node:crypto';
import { ByteWriter, toHex, utf8 } from '../std/std.ts';
import { isPangeaError, PangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import { isCurrent, issueCertificate, parseCertificate } from './certificate.ts';
import type { NodeIdentity } from './identity.ts';
import { joinAnswer, parseJoinRequest, provesToken, type JoinAnswer, type JoinRequest } from './join.ts';
import { publicKeyOf, type KeyPair } from './keys.ts';
import { expectHeader, parseBytes } from './parsing.ts';
import { issueRevocation, type Revocations } from './revocation.ts';
import type { CredentialOperation, CredentialStore } from './storage.ts';
import { formatTicket, tokenIdBytes, tokenSecretBytes } from './ticket.ts';

const tokenPrefix = 'membership/token/';
const memberPrefix = 'membership/member/';
const tokenMagic = 'PGTK';
const tokenVersion = 1;

/** Tickets that may be open at a time. */
export const maxOpenTickets = 128;
export const maxTicketUses = 65_535;

export interface TicketOptions {
  /** Multiaddrs of this node that the joiner can dial; at most 8 are used. */
  readonly addresses: readonly string[];
  readonly uses: number;
  /** Wall clock at which the ticket ends. */
  readonly expiresMs: number;
  readonly nowMs: number;
}

interface Token {
  readonly secret: Uint8Array;
  readonly usesLeft: number;
  readonly expiresMs: number;
}

export interface InviterParts {
  readonly identity: NodeIdentity;
  readonly network: KeyPair;
  readonly discoverySecret: Uint8Array;
  readonly storage: CredentialStore;
  readonly revocations: Revocations;
}

export class Inviter {
  readonly #parts: InviterParts;
  /** One at a time, or two joins could spend one use. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: InviterParts) {
    this.#parts = parts;
  }

  /** Throws `USAGE` for a number of uses out of range or too many open tickets. */
  createTicket(options: TicketOptions): Promise<string> {
    const { uses, addresses, expiresMs, nowMs } = options;
    return this.#inTurn(async () => {
      if (!Number.isInteger(uses) || uses < 1 || uses > maxTicketUses) {
        throw new PangeaError('USAGE', `a ticket has 1 to ${maxTicketUses} uses, not ${uses}`);
      }
      const { open, expired } = await this.#tokens(nowMs);
      if (open >= maxOpenTickets) throw new PangeaError('USAGE', `${maxOpenTickets} tickets are open: wait until one expires`);
      const tokenId = new Uint8Array(randomBytes(tokenIdBytes));
      const tokenSecret = new Uint8Array(randomBytes(tokenSecretBytes));
      const token = { secret: tokenSecret, usesLeft: uses, expiresMs: Math.floor(expiresMs) };
      await this.#parts.storage.batch([
        ...expired.map((key): CredentialOperation => ({ type: 'delete', key })),
        { type: 'put', key: tokenKey(tokenId), value: encodeToken(token) },
      ]);
      const { network, identity } = this.#parts;
      return formatTicket({ networkKey: network.publicKey, inviter: identity.peerId, addresses, tokenId, tokenSecret, expiresMs: token.expiresMs });
    });
  }

  /**
   * Answers a join request of the peer at the other end of an authenticated stream. What the bytes hold never
   * makes it throw anything but `PROTOCOL` (then the stream is reset); a storage that fails does.
   */
  handleJoin(remote: PeerId, bytes: Uint8Array, nowMs: number): Promise<Uint8Array> {
    const request = parseJoinRequest(bytes);
    return this.#inTurn(async () => {
      const answer = await this.#judge(remote, request, nowMs);
      return joinAnswer({ ...answer, challenge: request.challenge });
    });
  }

  /** Ends a membership; the caller closes connections and spreads the list. Throws `USAGE` for this node itself. */
  revoke(peer: PeerId, nowMs: number): Promise<void> {
    return this.#inTurn(async () => {
      if (peer === this.#parts.identity.peerId) throw new PangeaError('USAGE', 'a node cannot revoke itself');
      const subjectKey = publicKeyOf(peer);
      if (subjectKey === undefined) throw new PangeaError('USAGE', `${peer} is no PeerId`);
      await this.#parts.revocations.add(issueRevocation(this.#parts.network, subjectKey, nowMs));
    });
  }

  async #judge(remote: PeerId, request: JoinRequest, nowMs: number): Promise<Pick<JoinAnswer, 'verdict' | 'granted'>> {
    const refused = { verdict: 'refused', granted: undefined } as const;
    const { identity, network, storage, revocations, discoverySecret } = this.#parts;
    const remoteKey = publicKeyOf(remote);
    if (remoteKey === undefined || toHex(remoteKey) !== toHex(request.joinerKey)) return refused;
    if (toHex(request.networkKey) !== toHex(network.publicKey)) return refused;
    const stored = await storage.get(tokenKey(request.tokenId));
    const token = stored && parseToken(stored);
    // Whether a token exists is told only to who has its secret.
    if (token === undefined || !provesToken(request, token.secret, identity.publicKey)) return refused;
    if (revocations.has(remote)) return { verdict: 'revoked', granted: undefined };
    const held = await this.#memberCertificate(remote, remoteKey, nowMs);
    // The answer may have been lost on the way: asking again costs no second use.
    if (held !== undefined) return { verdict: 'accepted', granted: { discoverySecret, certificate: held } };
    if (nowMs > token.expiresMs) return { verdict: 'expired', granted: undefined };
    if (token.usesLeft === 0) return { verdict: 'used-up', granted: undefined };
    const certificate = issueCertificate(network, { key: remoteKey, role: 'member', nowMs });
    await storage.batch([
      { type: 'put', key: tokenKey(request.tokenId), value: encodeToken({ ...token, usesLeft: token.usesLeft - 1 }) },
      { type: 'put', key: memberPrefix + remote, value: certificate },
    ]);
    return { verdict: 'accepted', granted: { discoverySecret, certificate } };
  }

  async #memberCertificate(peer: PeerId, subjectKey: Uint8Array, nowMs: number): Promise<Uint8Array | undefined> {
    const bytes = await this.#parts.storage.get(memberPrefix + peer);
    if (bytes === undefined) return undefined;
    try {
      return isCurrent(parseCertificate(bytes), { networkKey: this.#parts.network.publicKey, subjectKey, nowMs }) ? bytes : undefined;
    } catch (error) {
      if (isPangeaError(error, 'PROTOCOL')) return undefined;
      throw error;
    }
  }

  async #tokens(nowMs: number): Promise<{ open: number; expired: string[] }> {
    let open = 0;
    const expired: string[] = [];
    for await (const [key, value] of this.#parts.storage.entries(tokenPrefix)) {
      const token = parseToken(value);
      if (token === undefined || nowMs > token.expiresMs) expired.push(key);
      else open++;
    }
    return { open, expired };
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function tokenKey(tokenId: Uint8Array): string {
  return tokenPrefix + toHex(tokenId);
}

function encodeToken(token: Token): Uint8Array {
  return new ByteWriter(64).bytes(utf8(tokenMagic)).u8(tokenVersion).bytes(token.secret).u32(token.usesLeft).u64(token.expiresMs).finish();
}

/** `undefined` for a damaged record: its ticket then counts as unknown. */
function parseToken(bytes: Uint8Array): Token | undefined {
  try {
    return parseBytes('CORRUPT', 'join token', bytes, (from) => {
      expectHeader(from, tokenMagic, tokenVersion);
      return { secret: from.bytes(tokenSecretBytes), usesLeft: from.u32(), expiresMs: from.u64() };
    });
  } catch (error) {
    if (isPangeaError(error, 'CORRUPT')) return undefined;
    throw error;
  }
}

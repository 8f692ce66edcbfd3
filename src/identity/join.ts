/**
 * The join exchange as values: one request, one answer, over a stream of `/pangea/join/1.0.0` whose ends
 * are authenticated and encrypted. The joiner proves that it has the token by an HMAC over both
 * identities, so a proof seen by anyone else is worth nothing; the secret itself is never sent.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ByteWriter, concatBytes, equalBytes, utf8 } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';
import { certificateBytes } from './certificate.ts';
import { publicKeyBytes, publicKeyOf } from './keys.ts';
import { expectHeader, parseBytes } from './parsing.ts';
import { tokenIdBytes, type Ticket } from './ticket.ts';

export const joinProtocol = '/pangea/join/1.0.0';

const requestMagic = 'PGJQ';
const answerMagic = 'PGJA';
const version = 1;
const challengeBytes = 16;
const proofBytes = 32;
export const discoverySecretBytes = 32;

export const joinRequestBytes = 4 + 1 + 2 * publicKeyBytes + tokenIdBytes + challengeBytes + proofBytes;
/** Longest answer; a reader of the stream takes no more. */
export const maxJoinAnswerBytes = 4 + 1 + challengeBytes + 1 + discoverySecretBytes + certificateBytes;

export interface JoinRequest {
  readonly networkKey: Uint8Array;
  readonly joinerKey: Uint8Array;
  readonly tokenId: Uint8Array;
  /** Drawn by the joiner; the answer repeats it. */
  readonly challenge: Uint8Array;
  readonly proof: Uint8Array;
}

/** Numbers are on the wire and never change. */
const verdicts = ['accepted', 'refused', 'expired', 'used-up', 'revoked'] as const;
export type JoinVerdict = (typeof verdicts)[number];

export interface JoinAnswer {
  readonly challenge: Uint8Array;
  readonly verdict: JoinVerdict;
  /** Only with `accepted`. */
  readonly granted: { readonly discoverySecret: Uint8Array; readonly certificate: Uint8Array } | undefined;
}

export function joinRequest(ticket: Ticket, joinerKey: Uint8Array): Uint8Array {
  const inviterKey = publicKeyOf(ticket.inviter);
  if (inviterKey === undefined) throw new PangeaError('TICKET_INVALID', 'ticket: its inviter is no Ed25519 peer');
  const challenge = new Uint8Array(randomBytes(challengeBytes));
  const fields = { networkKey: ticket.networkKey, joinerKey, tokenId: ticket.tokenId, challenge };
  return new ByteWriter(joinRequestBytes)
    .bytes(utf8(requestMagic)).u8(version)
    .bytes(fields.networkKey)
    .bytes(fields.joinerKey)
    .bytes(fields.tokenId)
    .bytes(fields.challenge)
    .bytes(proofOf(ticket.tokenSecret, fields, inviterKey))
    .finish();
}

/** Throws `PROTOCOL`. */
export function parseJoinRequest(bytes: Uint8Array): JoinRequest {
  return parseBytes('PROTOCOL', 'join request', bytes, (from) => {
    expectHeader(from, requestMagic, version);
    return {
      networkKey: from.bytes(publicKeyBytes),
      joinerKey: from.bytes(publicKeyBytes),
      tokenId: from.bytes(tokenIdBytes),
      challenge: from.bytes(challengeBytes),
      proof: from.bytes(proofBytes),
    };
  });
}

export function provesToken(request: JoinRequest, tokenSecret: Uint8Array, inviterKey: Uint8Array): boolean {
  return timingSafeEqual(request.proof, proofOf(tokenSecret, request, inviterKey));
}

export function joinAnswer(answer: JoinAnswer): Uint8Array {
  const writer = new ByteWriter(maxJoinAnswerBytes)
    .bytes(utf8(answerMagic)).u8(version)
    .bytes(answer.challenge)
    .u8(verdicts.indexOf(answer.verdict));
  if (answer.granted) writer.bytes(answer.granted.discoverySecret).bytes(answer.granted.certificate);
  return writer.finish();
}

/** Throws `PROTOCOL`, also when the answer belongs to another request. */
export function parseJoinAnswer(bytes: Uint8Array, request: Uint8Array): JoinAnswer {
  const asked = parseJoinRequest(request);
  return parseBytes('PROTOCOL', 'join answer', bytes, (from): JoinAnswer => {
    expectHeader(from, answerMagic, version);
    const challenge = from.bytes(challengeBytes);
    if (!equalBytes(challenge, asked.challenge)) throw new RangeError('it answers another request');
    const verdict = verdicts[from.u8()];
    if (verdict === undefined) throw new RangeError('its verdict is not known here');
    if (verdict !== 'accepted') return { challenge, verdict, granted: undefined };
    const discoverySecret = from.bytes(discoverySecretBytes).slice();
    return { challenge, verdict, granted: { discoverySecret, certificate: from.bytes(certificateBytes).slice() } };
  });
}

function proofOf(tokenSecret: Uint8Array, request: Omit<JoinRequest, 'proof'>, inviterKey: Uint8Array): Uint8Array {
  return createHmac('sha256', tokenSecret)
    .update('pangea-node 1 join proof\0')
    .update(concatBytes(request.networkKey, request.joinerKey, request.tokenId, request.challenge, inviterKey))
    .digest();
}

/** A membership certificate: the network key's word that a PeerId belongs to the network. Bytes: `schema/membership.md`. */
import { randomBytes } from 'node:crypto';
import { ByteWriter, concatBytes, equalBytes, utf8 } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';
import { publicKeyBytes, signatureBytes, verifySignature, type KeyPair } from './keys.ts';
import { expectHeader, parseBytes } from './parsing.ts';

const magic = 'PGMC';
const version = 1;
const serialBytes = 16;
export const certificateBytes = 4 + 1 + 2 * publicKeyBytes + 1 + 8 + 8 + serialBytes + signatureBytes;

/** In front of what is signed, so that a signature of one purpose never serves another. */
const purpose = utf8('pangea-node 1 membership certificate\0');

/** Clocks of members may differ by so much. */
const clockSkewMs = 10 * 60_000;
/** There is no renewal by itself: a membership ends by revocation, the date is the last resort. */
export const certificateLifetimeMs = 10 * 365 * 86_400_000;

/** Numbers are on the wire and never change. */
const roleNumbers = { member: 1, owner: 2 } as const;
export type Role = keyof typeof roleNumbers;

export interface Certificate {
  readonly networkKey: Uint8Array;
  /** Ed25519 key of the member's PeerId. */
  readonly subjectKey: Uint8Array;
  readonly role: Role;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly serial: Uint8Array;
}

export function issueCertificate(
  network: KeyPair,
  subject: { key: Uint8Array; role: Role; nowMs: number; lifetimeMs?: number },
): Uint8Array {
  const body = new ByteWriter(certificateBytes)
    .bytes(utf8(magic)).u8(version)
    .bytes(network.publicKey)
    .bytes(subject.key)
    .u8(roleNumbers[subject.role])
    .u64(Math.floor(subject.nowMs))
    .u64(Math.floor(subject.nowMs) + (subject.lifetimeMs ?? certificateLifetimeMs))
    .bytes(randomBytes(serialBytes))
    .finish();
  return concatBytes(body, network.sign(concatBytes(purpose, body)));
}

/** Checks the form and the signature by the key named inside; whose key that is, and when, is `isCurrent`'s. Throws `PROTOCOL`. */
export function parseCertificate(bytes: Uint8Array): Certificate {
  const certificate = parseBytes('PROTOCOL', 'membership certificate', bytes, (from): Certificate => {
    expectHeader(from, magic, version);
    const networkKey = from.bytes(publicKeyBytes).slice();
    const subjectKey = from.bytes(publicKeyBytes).slice();
    const role = roleOf(from.u8());
    const notBeforeMs = from.u64();
    const notAfterMs = from.u64();
    const serial = from.bytes(serialBytes).slice();
    from.bytes(signatureBytes);
    return { networkKey, subjectKey, role, notBeforeMs, notAfterMs, serial };
  });
  const body = bytes.subarray(0, certificateBytes - signatureBytes);
  if (!verifySignature(certificate.networkKey, concatBytes(purpose, body), bytes.subarray(body.length))) {
    throw new PangeaError('PROTOCOL', 'membership certificate: its signature does not fit');
  }
  return certificate;
}

export function isCurrent(certificate: Certificate, expected: { networkKey: Uint8Array; subjectKey: Uint8Array; nowMs: number }): boolean {
  return (
    equalBytes(certificate.networkKey, expected.networkKey) &&
    equalBytes(certificate.subjectKey, expected.subjectKey) &&
    certificate.notBeforeMs <= expected.nowMs + clockSkewMs &&
    expected.nowMs <= certificate.notAfterMs + clockSkewMs
  );
}

function roleOf(number: number): Role {
  for (const [role, known] of Object.entries(roleNumbers)) if (known === number) return role as Role;
  throw new RangeError(`role ${number} is not known here`);
}

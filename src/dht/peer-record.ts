/**
 * `/pangea/peer/<PeerId>`: what a node says about itself, signed by the key that its PeerId is made of.
 * The same bytes are a value of the DHT and a message of the topic `/pangea/nodes/1`. Bytes: `schema/peer-record.md`.
 */
import { PangeaError } from '../errors/errors.ts';
import { peerIdOf, verifySignature } from '../identity/identity.ts';
import type { PeerId } from '../ids/ids.ts';
import { ByteReader, ByteWriter, concatBytes, fromUtf8, utf8 } from '../std/std.ts';
import type { RecordRules } from './dht.ts';

export const peerRecordType = 'peer';
/** Gossip of peer records: one message is one record. */
export const nodesTopic = '/pangea/nodes/1';

export const peerRecordLimits = {
  /** A record names its own end at most so far ahead, or a stolen old one would live for ever. */
  lifetimeMs: 48 * 3_600_000,
  /** Clocks of two nodes may differ by so much. */
  skewMs: 10 * 60_000,
  addresses: 16,
  addressBytes: 255,
  versionBytes: 64,
  bytes: 4 + 2 + 2 + 32 + 8 + 8 + 4 + 1 + 64 + 1 + 16 * 256 + 64,
} as const;

export interface PeerStatement {
  readonly peer: PeerId;
  /** Of two records the one with the greater sequence holds. Milliseconds since 1970 when made, or one more than the last. */
  readonly sequence: number;
  readonly expiresMs: number;
  /** `--node-id`. Nobody owns a label: several peers may say the same one. */
  readonly label: number;
  readonly version: string;
  /** Multiaddrs, best first: where to dial, and a claim like any other. */
  readonly multiaddrs: readonly string[];
}

const magic = utf8('PGPR');
const formatVersion = 1;
/** In front of what is signed, so that a signature of one purpose never serves another. */
const purpose = utf8('pangea-node 1 peer record\0');
const publicKeyBytes = 32;
const signatureBytes = 64;

/** What does not fit the limits is left out or cut. */
export function signPeerRecord(
  identity: { readonly publicKey: Uint8Array; sign(message: Uint8Array): Uint8Array },
  statement: Omit<PeerStatement, 'peer'>,
): Uint8Array {
  const version = utf8(statement.version.replaceAll(/[^ -~]/g, '').slice(0, peerRecordLimits.versionBytes));
  const addresses = statement.multiaddrs.filter(isAddress).slice(0, peerRecordLimits.addresses).map(utf8);
  const body = new ByteWriter(512)
    .bytes(magic).u16(formatVersion).u16(0)
    .bytes(identity.publicKey)
    .u64(statement.sequence).u64(statement.expiresMs)
    .u32(statement.label)
    .u8(version.length).bytes(version)
    .u8(addresses.length);
  for (const address of addresses) body.u8(address.length).bytes(address);
  const signed = body.finish();
  return concatBytes(signed, identity.sign(concatBytes(purpose, signed)));
}

/** Checks form and signature; time is for `isCurrentStatement`. Throws `PROTOCOL`, nothing else, for any bytes. */
export function parsePeerRecord(bytes: Uint8Array): PeerStatement {
  if (bytes.length > peerRecordLimits.bytes) throw refusal(`${bytes.length} bytes are too many`);
  let read: ReturnType<typeof readBody>;
  try {
    read = readBody(new ByteReader(bytes));
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw refusal(error.message, error);
    throw error;
  }
  const body = bytes.subarray(0, bytes.length - signatureBytes);
  if (!verifySignature(read.publicKey, concatBytes(purpose, body), bytes.subarray(body.length))) throw refusal('its signature does not fit');
  return { peer: peerIdOf(read.publicKey), ...read.said };
}

export function isCurrentStatement({ expiresMs }: PeerStatement, nowMs: number): boolean {
  return nowMs <= expiresMs && expiresMs <= nowMs + peerRecordLimits.lifetimeMs + peerRecordLimits.skewMs;
}

/** Rules of `/pangea/peer/<PeerId>`: signed by that peer, not expired, the greater sequence wins. */
export const peerRecordRules: RecordRules = {
  valid: (id, value, nowMs) => {
    const statement = parsePeerRecord(value);
    return statement.peer === id && isCurrentStatement(statement, nowMs);
  },
  compare: (a, b) => sequenceOf(a) - sequenceOf(b),
};

function readBody(from: ByteReader): { publicKey: Uint8Array; said: Omit<PeerStatement, 'peer'> } {
  if (!magic.every((byte) => from.u8() === byte)) throw new RangeError('starts with other bytes');
  const [version, flags] = [from.u16(), from.u16()];
  if (version !== formatVersion || flags !== 0) throw new RangeError(`version ${version}, flags ${flags} are not known here`);
  const publicKey = from.bytes(publicKeyBytes);
  const [sequence, expiresMs, label] = [from.u64(), from.u64(), from.u32()];
  const text = fromUtf8(from.bytes(within(from.u8(), peerRecordLimits.versionBytes)));
  const count = within(from.u8(), peerRecordLimits.addresses);
  const multiaddrs = Array.from({ length: count }, () => {
    const address = fromUtf8(from.bytes(from.u8()));
    if (!isAddress(address)) throw new RangeError('an address is none');
    return address;
  });
  from.bytes(signatureBytes);
  from.end();
  return { publicKey, said: { sequence, expiresMs, label, version: text, multiaddrs } };
}

function sequenceOf(record: Uint8Array): number {
  return new ByteReader(record.subarray(4 + 2 + 2 + publicKeyBytes)).u64();
}

function within(count: number, most: number): number {
  if (count > most) throw new RangeError(`${count} where ${most} is the most`);
  return count;
}

/** Printable ASCII behind a slash: whether it can be dialled is the host's to say. */
function isAddress(text: string): boolean {
  return /^\/[!-~]{1,254}$/.test(text);
}

function refusal(reason: string, cause?: Error): PangeaError {
  return new PangeaError('PROTOCOL', `peer record: ${reason}`, cause ? { cause } : {});
}

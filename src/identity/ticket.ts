/** Invitations as text: `pangea-ticket:1:` and base32. Whoever has one can join until it is used up or expires. */
import { createHash } from 'node:crypto';
import { ByteWriter, concatBytes, equalBytes, fromBase32, fromUtf8, toBase32, toHex, utf8 } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import { peerIdOf, publicKeyBytes, publicKeyOf } from './keys.ts';
import { parseBytes } from './parsing.ts';

const prefix = 'pangea-ticket:1:';
export const tokenIdBytes = 16;
export const tokenSecretBytes = 32;
const checksumBytes = 4;
export const maxTicketAddresses = 8;
const maxAddressBytes = 200;
const maxTextLength = 4096;

export interface Ticket {
  readonly networkKey: Uint8Array;
  /** Hex of the network key, as `Membership.networkId`. */
  readonly networkId: string;
  readonly inviter: PeerId;
  /** Multiaddrs, each ending in `/p2p/<inviter>`, so that a dial checks who answers. */
  readonly addresses: readonly string[];
  readonly tokenId: Uint8Array;
  readonly tokenSecret: Uint8Array;
  readonly expiresMs: number;
}

export function formatTicket(ticket: Omit<Ticket, 'networkId'>): string {
  const inviterKey = publicKeyOf(ticket.inviter);
  if (inviterKey === undefined) throw new PangeaError('INTERNAL', 'the inviter has no Ed25519 PeerId');
  const writer = new ByteWriter()
    .bytes(ticket.networkKey)
    .bytes(inviterKey)
    .bytes(ticket.tokenId)
    .bytes(ticket.tokenSecret)
    .u64(ticket.expiresMs);
  // The PeerId is in the ticket already: left out here, put back when read.
  const addresses = ticket.addresses
    .map((address) => utf8(withoutPeer(address, ticket.inviter)))
    .filter((address) => address.length <= maxAddressBytes)
    .slice(0, maxTicketAddresses);
  writer.u8(addresses.length);
  for (const address of addresses) writer.u8(address.length).bytes(address);
  const body = writer.finish();
  return prefix + toBase32(concatBytes(body, checksum(body)));
}

/** Takes the text as people paste it, broken over lines or in capitals. Throws `TICKET_INVALID`; expiry is the inviter's to judge. */
export function parseTicket(text: string): Ticket {
  if (text.length > maxTextLength) throw new PangeaError('TICKET_INVALID', `a ticket has at most ${maxTextLength} characters`);
  const plain = text.replace(/\s+/g, '').toLowerCase();
  if (!plain.startsWith(prefix)) throw new PangeaError('TICKET_INVALID', `a ticket begins with "${prefix}"`);
  const bytes = decode(plain.slice(prefix.length));
  const body = bytes.subarray(0, Math.max(bytes.length - checksumBytes, 0));
  if (!equalBytes(bytes.subarray(body.length), checksum(body))) {
    throw new PangeaError('TICKET_INVALID', 'the ticket is cut off or mistyped: its checksum does not fit');
  }
  return parseBytes('TICKET_INVALID', 'ticket', body, (from): Ticket => {
    const networkKey = from.bytes(publicKeyBytes).slice();
    const inviter = peerIdOf(from.bytes(publicKeyBytes));
    const tokenId = from.bytes(tokenIdBytes).slice();
    const tokenSecret = from.bytes(tokenSecretBytes).slice();
    const expiresMs = from.u64();
    const count = from.u8();
    if (count > maxTicketAddresses) throw new RangeError(`${count} addresses`);
    const addresses = Array.from({ length: count }, () => {
      const address = fromUtf8(from.bytes(from.u8()));
      if (address.length > maxAddressBytes || !/^(?:\/[\x21-\x2e\x30-\x7e]+)+$/.test(address)) throw new RangeError('an address is no multiaddr');
      return `${address}/p2p/${inviter}`;
    });
    return { networkKey, networkId: toHex(networkKey), inviter, addresses, tokenId, tokenSecret, expiresMs };
  });
}

function withoutPeer(address: string, peer: PeerId): string {
  const end = `/p2p/${peer}`;
  return address.endsWith(end) ? address.slice(0, -end.length) : address;
}

function decode(text: string): Uint8Array {
  try {
    return fromBase32(text);
  } catch (error) {
    // The message of fromBase32 names a letter of the ticket; that much is no secret.
    throw new PangeaError('TICKET_INVALID', `ticket: ${(error as RangeError).message}`);
  }
}

function checksum(body: Uint8Array): Uint8Array {
  return createHash('sha256').update('pangea-node 1 ticket\0').update(body).digest().subarray(0, checksumBytes);
}

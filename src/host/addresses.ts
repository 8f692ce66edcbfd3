/** Multiaddrs as this project uses them: an address, TCP or QUIC, a port, perhaps an identity; or a circuit through a relay at such an address. Pure. */
import { isIPv4, isIPv6 } from 'node:net';

import { type PeerId, parsePeerId } from '../ids/ids.ts';

export interface HostAddress {
  readonly family: 'ip4' | 'ip6' | 'dns' | 'dns4' | 'dns6';
  readonly host: string;
  readonly transport: 'tcp' | 'quic';
  readonly port: number;
  /** Who stands at host and port and passes the connection on; `undefined` for a direct address. */
  readonly relay: PeerId | undefined;
  /** Who must answer. */
  readonly peer: PeerId | undefined;
}

const maxMultiaddrLength = 512;
const pattern = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/(?:(tcp)\/(\d{1,5})|udp\/(\d{1,5})\/quic-v1)(?:\/p2p\/([^/]+)\/p2p-circuit)?(?:\/p2p\/([^/]+))?$/;

/** `/ip4/127.0.0.1/tcp/9091/p2p/12D3KooW…`, `/ip4/…/udp/9090/quic-v1`, either with `/p2p/RELAY/p2p-circuit`; `undefined` for everything else. */
export function parseMultiaddr(text: string): HostAddress | undefined {
  if (text.length > maxMultiaddrLength) return undefined;
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [, familyText, host = '', tcp, tcpPort, udpPort, relayText, peerText] = match;
  const family = familyText as HostAddress['family'];
  const port = Number(tcpPort ?? udpPort);
  if (port > 65_535) return undefined;
  if (family === 'ip4' ? !isIPv4(host) : family === 'ip6' ? !isIPv6(host) || host.includes('%') : !isDnsName(host)) return undefined;
  const relay = relayText === undefined ? undefined : parsePeerId(relayText);
  const peer = peerText === undefined ? undefined : parsePeerId(peerText);
  if ((relayText !== undefined && relay === undefined) || (peerText !== undefined && peer === undefined)) return undefined;
  return { family, host, transport: tcp === undefined ? 'quic' : 'tcp', port, relay, peer };
}

export function formatMultiaddr(address: HostAddress): string {
  return `${transportPart(address)}${address.peer === undefined ? '' : `/p2p/${address.peer}`}`;
}

/** Without the identity of who answers: what is connected to. */
export function transportPart({ family, host, transport, port, relay }: HostAddress): string {
  const socket = transport === 'tcp' ? `/${family}/${host}/tcp/${port}` : `/${family}/${host}/udp/${port}/quic-v1`;
  return relay === undefined ? socket : `${socket}/p2p/${relay}/p2p-circuit`;
}

/** The IP address inside, or `undefined` when there is none to check. */
export function ipOf(multiaddr: string): string | undefined {
  return /^\/ip[46]\/([^/]+)/.exec(multiaddr)?.[1];
}

/**
 * True for addresses that mean something only near this machine: loopback, private, link-local, shared (RFC 6598),
 * unspecified, multicast and reserved ones. A peer that names one could aim this node at its owner's own network.
 */
export function isLocalAddress(ip: string): boolean {
  if (isIPv4(ip)) return isLocalV4(ip);
  const groups = expandV6(ip);
  if (groups === undefined) return true;
  const embedded = embeddedV4(groups);
  if (embedded !== undefined) return isLocalV4(embedded);
  const first = groups[0] as number;
  // Global unicast is 2000::/3; everything else is local, multicast or reserved.
  return (first & 0xe000) !== 0x2000;
}

/** Whom to count together: the /24 of an IPv4 address, the /48 of an IPv6 one. `undefined` for loopback and nonsense. */
export function subnetOf(ip: string): string | undefined {
  const groups = isIPv4(ip) ? undefined : expandV6(ip);
  const v4 = isIPv4(ip) ? ip : groups === undefined ? undefined : embeddedV4(groups);
  if (v4 !== undefined) return v4.startsWith('127.') ? undefined : v4.slice(0, v4.lastIndexOf('.'));
  if (groups === undefined || (groups.slice(0, 7).every((group) => group === 0) && groups[7] === 1)) return undefined;
  return groups.slice(0, 3).map((group) => group.toString(16)).join(':');
}

function isLocalV4(ip: string): boolean {
  const [a, b] = ip.split('.').map(Number) as [number, number];
  return (
    a === 0 || a === 10 || a === 127 || a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168)
  );
}

/** Eight groups of 16 bits; `undefined` for text that is no IPv6 address. */
function expandV6(ip: string): number[] | undefined {
  if (!isIPv6(ip) || ip.includes('%')) return undefined;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  const text = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : ip;
  const [left = '', right] = text.split('::');
  const parse = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const head = parse(left);
  const tail = right === undefined ? [] : parse(right);
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}

/** IPv4-mapped (`::ffff:a.b.c.d`), NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`) addresses reach an IPv4 host. */
function embeddedV4(groups: readonly number[]): string | undefined {
  const [a, b, c] = groups as [number, number, number];
  const dotted = (high: number, low: number): string => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  const nat64 = a === 0x64 && b === 0xff9b && groups.slice(2, 6).every((group) => group === 0);
  if (mapped || nat64) return dotted(groups[6] as number, groups[7] as number);
  return a === 0x2002 ? dotted(b, c) : undefined;
}

function isDnsName(host: string): boolean {
  return host.length <= 253 && /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i.test(host);
}

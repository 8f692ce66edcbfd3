/** Who may take part: what this node says of itself, and what it makes of another's hello. */
import { isIP } from 'node:net';
import type { Firewall } from '../firewall/firewall.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Membership } from '../identity/identity.ts';
import type { PeerRegistry } from '../peers/peers.ts';
import type { Clock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import type { Hello } from '../transport/transport.ts';

export interface AdmissionDependencies {
  readonly membership: Membership | undefined;
  readonly peers: PeerRegistry;
  readonly firewall: Firewall;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Private, loopback and link-local ranges (RFC 1918, 4193, 6598, 3927, 4291): dialled only when the allowlist holds them. */
const localRanges = /^(127\.|10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|0\.|::1$|::$|f[cd]|fe[89ab])/i;

/** One dial policy for addresses that came from a peer. */
export function mayDial(firewall: Firewall, address: string): boolean {
  const host = hostOf(address).replace(/^::ffff:/i, '');
  if (isIP(host) === 0) return false;
  return localRanges.test(host) ? firewall.decide(host) === 'allow' : true;
}

/** Checks the certificate, then remembers what the peer said of itself. False refuses the peer. */
export function greet({ membership, peers, firewall, clock, logger }: AdmissionDependencies, peer: PeerId, hello: Hello): boolean {
  if (membership && !membership.admits(peer, hello.certificate, clock.nowMs())) {
    logger.info({ peer, revoked: membership.isRevoked(peer) }, 'a peer without membership was refused');
    return false;
  }
  peers.greeted(peer, {
    label: hello.label, version: hello.version, storing: hello.storing, freeBytes: hello.freeBytes, failureDomain: hello.failureDomain,
    quicAddresses: hello.quicAddresses.filter((address) => mayDial(firewall, address)),
    multiaddrs: hello.multiaddrs.filter((address) => mayDial(firewall, address)),
  });
  return true;
}

/** Of `host:port`, `[v6]:port` or `/ip4/host/…`. */
function hostOf(address: string): string {
  if (address.startsWith('/')) return address.split('/')[2] ?? '';
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

/** Who may take part: what this node says of itself, and what it makes of another's hello. */
import { isIP } from 'node:net';
import type { Firewall } from '../firewall/firewall.ts';
import { isLocalAddress } from '../host/host.ts';
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

/** One dial policy for addresses that came from a peer: local ones, however they are written, only inside the allowlist. */
export function mayDial(firewall: Firewall, address: string): boolean {
  const host = hostOf(address);
  if (isIP(host) === 0) return false;
  return isLocalAddress(host) ? firewall.decide(host) === 'allow' : true;
}

/** Checks the certificate, then remembers what the peer said of itself. False refuses the peer. */
export function greet({ membership, peers, firewall, clock, logger }: AdmissionDependencies, peer: PeerId, hello: Hello): boolean {
  if (membership && !membership.admits(peer, hello.certificate, clock.nowMs())) {
    // Not louder: a stranger can have it written as often as it likes.
    logger.debug({ peer, revoked: membership.isRevoked(peer) }, 'a peer without membership was refused');
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

/**
 * Where peers are being seen. libp2p's QUIC and the shard protocol leave from one port where they share it, so a way that is
 * open for the one is open for the other: through a hole that DCUtR has punched, too.
 */
import type { Host } from '../host/host.ts';
import type { CombinedTransport } from './combined.ts';

const pattern = /^\/(ip4|ip6)\/([^/]+)\/udp\/(\d{1,5})\/quic-v1(?:\/p2p\/[^/]+)?$/;

/** Tells the transport the far end of each direct QUIC connection, for as long as it is the best way to the peer. */
export function observePaths(host: Pick<Host, 'on'>, transport: Pick<CombinedTransport, 'observe'>): void {
  host.on({
    connected: (peer, remoteAddress) => transport.observe(peer, socketOf(remoteAddress)),
    path: (peer, path, remoteAddress) => transport.observe(peer, path === 'relayed' ? undefined : socketOf(remoteAddress)),
    disconnected: (peer) => transport.observe(peer, undefined),
  });
}

/** `host:port` of a direct QUIC multiaddr. */
export function socketOf(multiaddr: string): string | undefined {
  const [, family, host, port] = pattern.exec(multiaddr) ?? [];
  if (host === undefined) return undefined;
  return family === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`;
}

import { isIP } from 'node:net';

/** Where a listener binds. */
export interface ListenAddress {
  /** An IP address, or a name that the system resolves to one. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

const tcpMultiaddr = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})$/;

/**
 * `host:port`, `[ipv6]:port`, `:port` (every interface), or the multiaddr `/ip4/…/tcp/…` of the same.
 * `undefined` when the text is none of these.
 */
export function parseAddress(text: string): ListenAddress | undefined {
  const match = tcpMultiaddr.exec(text) ?? /^\[([0-9a-fA-F:.]+)\]:(\d{1,5})$/.exec(text) ?? /^([^\s:/[\]]*):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const host = match[1] === '' ? '0.0.0.0' : (match[1] as string);
  const port = Number(match[2]);
  if (port > 65_535) return undefined;
  if (text.startsWith('[') && isIP(host) !== 6) return undefined;
  if (isIP(host) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host)) return undefined;
  if (/^[\d.]+$/.test(host) && isIP(host) !== 4) return undefined;
  return { host, port };
}

export function formatAddress({ host, port }: ListenAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The libp2p spelling, which the DHT listens on. */
export function multiaddrOf({ host, port }: ListenAddress): string {
  const kind = isIP(host) === 6 ? 'ip6' : isIP(host) === 4 ? 'ip4' : 'dns';
  return `/${kind}/${host}/tcp/${port}`;
}

export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** An IP address or CIDR block. */
export function isAddressBlock(text: string): boolean {
  const [address, bits, ...rest] = text.split('/');
  if (address === undefined || rest.length > 0) return false;
  const version = isIP(address);
  if (version === 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

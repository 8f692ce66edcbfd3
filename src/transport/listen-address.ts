/** `host:port` of a listener: what to bind, and what to tell others. */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PangeaError } from '../errors/errors.ts';

export interface ListenAddress {
  /** Socket addresses to try in order: every interface means both families, or IPv4 alone where there is no IPv6. */
  readonly bind: readonly string[];
  /** True for `:9090`, `0.0.0.0:9090` and `[::]:9090`. */
  readonly everyInterface: boolean;
}

/** Throws `ADDRESS_INVALID`. */
export function parseListenAddress(text: string): ListenAddress {
  const colon = text.lastIndexOf(':');
  const port = text.slice(colon + 1);
  if (colon < 0 || !/^(0|[1-9][0-9]{0,4})$/.test(port) || Number(port) > 65_535) throw invalid(text);
  const host = text.slice(0, colon);
  if (host === '' || host === '*' || host === '[::]') return { bind: [`[::]:${port}`, `0.0.0.0:${port}`], everyInterface: true };
  if (host === 'localhost') return { bind: [`127.0.0.1:${port}`], everyInterface: false };
  const bracketed = host.startsWith('[') && host.endsWith(']');
  const address = bracketed ? host.slice(1, -1) : host;
  if (isIP(address) !== (bracketed ? 6 : 4) || address.includes('%')) throw invalid(text);
  return { bind: [text], everyInterface: address === '0.0.0.0' };
}

function invalid(text: string): PangeaError {
  return new PangeaError('ADDRESS_INVALID', `'${text}' is no listen address: give IP:port, [IPv6]:port, or :port for every interface`);
}

/**
 * What peers may dial when nothing is configured: the bound address, or those of the interfaces whose own address
 * `reachable` lets pass; loopback only where nothing else passes.
 */
export function advertisedAddresses(listen: ListenAddress, boundAddress: string, reachable: (address: string) => boolean): string[] {
  if (!listen.everyInterface) return [boundAddress];
  const port = boundAddress.slice(boundAddress.lastIndexOf(':') + 1);
  const onlyV4 = !boundAddress.startsWith('[');
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address, family }) => (family === 'IPv4' || !onlyV4) && !/^fe80:/i.test(address) && reachable(address));
  const outside = found.filter((candidate) => !candidate.internal);
  return (outside.length > 0 ? outside : found).map(({ address, family }) => (family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`));
}

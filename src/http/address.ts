import { isIP } from 'node:net';
import { PangeaError } from '../errors/errors.ts';

export interface ListenAddress {
  /** As `listen` takes it; `undefined` for every interface. */
  readonly host: string | undefined;
  readonly port: number;
}

/** `127.0.0.1:9092`, `[::1]:9092`, `localhost:0`, `:9092` (every interface). Throws `ADDRESS_INVALID`. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (match === null || port > 65_535 || (match[1] !== undefined && isIP(match[1]) !== 6)) {
    throw new PangeaError('ADDRESS_INVALID', `"${text}" is no address to listen on: it has to be HOST:PORT, [IPV6]:PORT or :PORT`);
  }
  return { host: host === '' ? undefined : host, port };
}

/** `host:port`, with brackets around IPv6. */
export function formatAddress(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

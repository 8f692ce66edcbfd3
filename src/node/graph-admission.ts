/** Which pages may use the graph of this node. Programs that are no page say no origin, and are not asked. */
import { isIP } from 'node:net';
import { isLoopbackHost, type NodeConfig } from '../config/config.ts';

/** `null` is what a page out of a file says, and a sandboxed frame of any page: it must be named, or everybody let in. */
export function originAllowed(origin: string | undefined, { graphOrigins }: NodeConfig): boolean {
  if (origin === undefined || graphOrigins.includes('*')) return true;
  const said = origin.toLowerCase();
  if (graphOrigins.includes(said)) return true;
  return graphOrigins.includes('loopback') && isLoopbackOrigin(said);
}

/**
 * The guard against DNS rebinding: a page whose own name was turned to this machine says that name in `Host`. Addresses pass,
 * since no page can make its name look like one; where every page may come there is nothing to guard.
 */
export function hostAllowed(header: string | undefined, { graphAddr, graphHosts, graphOrigins }: NodeConfig): boolean {
  const match = header === undefined ? null : /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+))(?::\d{1,5})?$/i.exec(header);
  const host = (match?.[1] ?? match?.[2])?.toLowerCase();
  if (host === undefined) return false;
  if (graphOrigins.includes('*') || host === 'localhost' || isIP(host) !== 0) return true;
  return (graphAddr !== 'off' && host === graphAddr.host.toLowerCase()) || graphHosts.some((name) => name.toLowerCase() === host);
}

function isLoopbackOrigin(origin: string): boolean {
  const url = /^https?:\/\//.test(origin) ? URL.parse(origin) : null;
  if (url === null || url.origin !== origin) return false;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isLoopbackHost(host) || host.endsWith('.localhost');
}

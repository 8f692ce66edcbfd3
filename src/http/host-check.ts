import { isIP } from 'node:net';

/**
 * The guard against DNS rebinding: a browser that was sent here by a foreign name says that name in `Host`.
 * Addresses pass, since no page can make its own name look like one.
 */
export function hostAllowed(header: string | undefined, configuredHost: string): boolean {
  const host = header === undefined ? undefined : hostOf(header);
  if (host === undefined) return false;
  return host === 'localhost' || isIP(host) !== 0 || host === configuredHost.toLowerCase();
}

/** A request without `Origin` comes from no page. One with it must come from a page of this very server. */
export function originAllowed(origin: string | undefined, hostHeader: string | undefined): boolean {
  return origin === undefined || origin.toLowerCase() === `http://${hostHeader?.toLowerCase()}`;
}

/** The name or address in a `Host` header, without port and brackets. */
function hostOf(header: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+))(?::\d{1,5})?$/i.exec(header);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

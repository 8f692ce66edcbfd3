/** ICE servers as the configuration names them, and which candidates of a peer may be tried. Pure. */
import { isIPv4, isIPv6 } from 'node:net';
import type { IceServer } from 'node-datachannel';
import { PangeaError } from '../../errors/errors.ts';

/** `stun:HOST:PORT` or `turn:USER:PASSWORD@HOST:PORT`. Throws `CONFIG_INVALID`. */
export function parseIceServer(text: string): string | IceServer {
  if (/^stun:[^:@\s]+:\d{1,5}$/.test(text)) return text;
  const match = /^turn:([^:@\s]+):([^@\s]+)@([^:@\s]+):(\d{1,5})$/.exec(text);
  const [, username, password, hostname, port] = match ?? [];
  if (username === undefined || password === undefined || hostname === undefined || Number(port) > 65_535) {
    // Without the text: it may hold a password.
    throw new PangeaError('CONFIG_INVALID', 'an ICE server is written stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT');
  }
  return { hostname, port: Number(port), username, password, relayType: 'TurnUdp' };
}

/** The address that a candidate line names (RFC 8839, section 5.1), or `undefined` for names, other transports and nonsense. */
export function candidateAddress(line: string): string | undefined {
  const match = /^a?=?candidate:\S{1,32} \d{1,3} (?:UDP|udp) \d{1,10} (\S{1,64}) \d{1,5} typ (?:host|srflx|prflx|relay)(?: |$)/.exec(line);
  const address = match?.[1];
  return address !== undefined && (isIPv4(address) || (isIPv6(address) && !address.includes('%'))) ? address : undefined;
}

/** Candidates travel one by one and are looked at one by one, so those inside a description are taken out. */
export function withoutCandidates(sdp: string): string {
  return sdp.replace(/^a=(?:candidate:.*|end-of-candidates)\r?\n/gm, '');
}

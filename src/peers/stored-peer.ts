/**
 * What outlives the process of one peer: where it was, what it said of itself, how much it is mistrusted.
 * Latency and loss are measured anew. Local data, so JSON; still parsed with suspicion, as all bytes of a disk.
 */
import { fromUtf8, utf8 } from '../std/std.ts';
import { parsePeerId, type PeerId } from '../ids/ids.ts';

export const storedPrefix = 'peer/';
const version = 1;
const maxBytes = 16 * 1024;

export const maxAddresses = 16;
export const maxAddressLength = 256;
export const maxTextLength = 64;

export interface StoredPeer {
  readonly label: number | undefined;
  readonly version: string | undefined;
  readonly quicAddresses: readonly string[];
  readonly multiaddrs: readonly string[];
  readonly lastSeenMs: number | undefined;
  readonly threatScore: number;
  /** Wall clock of the score. */
  readonly threatAtMs: number;
}

export function storedKey(peer: PeerId): string {
  return storedPrefix + peer;
}

export function peerOfKey(key: string): PeerId | undefined {
  return parsePeerId(key.slice(storedPrefix.length));
}

export function encodeStoredPeer(peer: StoredPeer): Uint8Array {
  return utf8(JSON.stringify({ v: version, ...peer }));
}

/** `undefined` for anything this version did not write: the peer is then found again as a new one. */
export function parseStoredPeer(bytes: Uint8Array): StoredPeer | undefined {
  if (bytes.length > maxBytes) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(fromUtf8(bytes));
  } catch {
    return undefined;
  }
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { v, label, version: software, quicAddresses, multiaddrs, lastSeenMs, threatScore, threatAtMs } = fields as Record<string, unknown>;
  if (v !== version || !isTime(threatAtMs) || !isShare(threatScore)) return undefined;
  return {
    label: isLabel(label) ? label : undefined,
    version: typeof software === 'string' ? software.slice(0, maxTextLength) : undefined,
    quicAddresses: addressList(quicAddresses),
    multiaddrs: addressList(multiaddrs),
    lastSeenMs: isTime(lastSeenMs) ? lastSeenMs : undefined,
    threatScore,
    threatAtMs,
  };
}

/** Keeps the first few addresses of bearable length, each once. */
export function addressList(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  const fit = value.slice(0, 4 * maxAddresses).filter((one): one is string => typeof one === 'string' && one !== '' && one.length <= maxAddressLength);
  return [...new Set(fit)].slice(0, maxAddresses);
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isShare = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 1;
const isLabel = (value: unknown): value is number => isTime(value) && value < 2 ** 32;

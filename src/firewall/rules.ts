/** Pure rules: text to CIDR blocks, and an address against them. Held to `native/firewall` by `test/vectors/firewall.json`. */
import { isIPv4, isIPv6 } from 'node:net';
import { PangeaError } from '../errors/errors.ts';
import type { Verdict } from './firewall.ts';

/** Longest list that is taken; the native enforcer has the same bound. */
export const maxAllowEntries = 4096;

export interface Block {
  /** Network address, host bits cleared: 4 or 16 bytes. */
  readonly network: Uint8Array;
  readonly prefixBits: number;
  /** Normalised text, e.g. `10.0.0.0/8`. */
  readonly text: string;
}

/** Addresses and CIDR blocks to blocks. Throws `CONFIG_INVALID` that names the first entry that is neither. */
export function parseAllowlist(entries: readonly string[]): readonly Block[] {
  if (entries.length > maxAllowEntries) {
    throw new PangeaError('CONFIG_INVALID', `the allowlist has ${entries.length} entries, at most ${maxAllowEntries} are taken`);
  }
  return entries.map((entry) => {
    const block = parseBlock(entry);
    if (block === undefined) {
      throw new PangeaError('CONFIG_INVALID', `allowlist: '${entry}' is neither an IP address nor a CIDR block`, { data: { entry } });
    }
    return block;
  });
}

/** Text that is no address is denied. A zone (`fe80::1%eth0`) is ignored: it names an interface, not a source. */
export function decide(blocks: readonly Block[], address: string): Verdict {
  const percent = address.indexOf('%');
  const bytes = parseAddress(percent < 0 ? address : address.slice(0, percent));
  if (bytes === undefined) return 'deny';
  return blocks.some((block) => covers(block, bytes)) ? 'allow' : 'deny';
}

function covers(block: Block, address: Uint8Array): boolean {
  if (block.network.length !== address.length) return false;
  const whole = block.prefixBits >> 3;
  for (let i = 0; i < whole; i++) if (block.network[i] !== address[i]) return false;
  const rest = block.prefixBits & 7;
  return rest === 0 || (((block.network[whole] ?? 0) ^ (address[whole] ?? 0)) & (0xff00 >> rest) & 0xff) === 0;
}

function parseBlock(entry: string): Block | undefined {
  const slash = entry.indexOf('/');
  const text = slash < 0 ? entry : entry.slice(0, slash);
  if (text.includes('%')) return undefined;
  const network = parseAddress(text);
  if (network === undefined) return undefined;
  let prefixBits = network.length * 8;
  if (slash >= 0) {
    const digits = entry.slice(slash + 1);
    if (!/^(0|[1-9][0-9]{0,2})$/.test(digits)) return undefined;
    prefixBits = Number(digits);
    if (network.length === 4 && isIPv6(text)) prefixBits -= 96;
    if (prefixBits < 0) return mappedWide(Number(digits));
  }
  if (prefixBits > network.length * 8) return undefined;
  return blockOf(network, prefixBits);
}

/** A prefix shorter than `::ffff:0:0/96` over a mapped address is a plain IPv6 block. */
function mappedWide(prefixBits: number): Block {
  const network = new Uint8Array(16);
  network.fill(0xff, 10, 12);
  return blockOf(network, prefixBits);
}

function blockOf(address: Uint8Array, prefixBits: number): Block {
  const network = address.map((byte, i) => byte & (prefixBits >= (i + 1) * 8 ? 0xff : prefixBits <= i * 8 ? 0 : 0xff00 >> (prefixBits & 7)));
  return { network, prefixBits, text: `${formatAddress(network)}/${prefixBits}` };
}

/** 4 or 16 bytes; an IPv4-mapped IPv6 address gives the 4 bytes that it carries. */
function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const bytes = parseV6(text);
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

/** `text` has passed `isIPv6`. */
function parseV6(text: string): Uint8Array {
  const [head = '', tail] = text.split('::');
  const front = groupBytes(head);
  const back = tail === undefined ? [] : groupBytes(tail);
  const bytes = new Uint8Array(16);
  bytes.set(front);
  bytes.set(back, 16 - back.length);
  return bytes;
}

function groupBytes(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** RFC 5952: lower case, the longest run of two or more zero groups as `::`. */
function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.length < 2) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

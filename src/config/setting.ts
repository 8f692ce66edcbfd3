import { isAddressBlock, formatAddress, parseAddress, type ListenAddress } from './address.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './units.ts';

/** How a value is read from a file (any TOML value), the environment or a flag (text), and shown again. */
export interface ValueType<T> {
  /** Ends the sentence "expected …". */
  readonly expected: string;
  /** `undefined` when the raw value is not one of this type. */
  readonly parse: (raw: unknown) => T | undefined;
  readonly show: (value: T) => string;
  readonly list?: true;
  readonly flag?: true;
}

export interface Setting<T> {
  readonly type: ValueType<T>;
  /** `undefined` where the node works a value out by itself; `absent` then says how. */
  readonly default: T;
  readonly absent?: string;
  /** What the flag means without a value. */
  readonly alone?: string;
  /** Taken over by a running node on SIGHUP. */
  readonly live?: true;
  readonly description: string;
}

export const boolean: ValueType<boolean> = {
  expected: 'true or false',
  parse: (raw) => {
    if (typeof raw === 'boolean') return raw;
    return raw === 'true' || raw === '1' || raw === 'on' ? true : raw === 'false' || raw === '0' || raw === 'off' ? false : undefined;
  },
  show: String,
  flag: true,
};

export const text: ValueType<string> = {
  expected: 'text of at most 200 characters without control characters',
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  parse: (raw) => (typeof raw === 'string' && raw.length <= 200 && !/[\u0000-\u001f\u007f]/.test(raw) ? raw : undefined),
  show: (value) => value || '(empty)',
};

export const path: ValueType<string> = {
  expected: 'a path',
  parse: (raw) => (typeof raw === 'string' && raw !== '' && !raw.includes('\0') ? raw : undefined),
  show: String,
};

export const address: ValueType<ListenAddress> = {
  expected: 'host:port, [ipv6]:port, :port for every interface, or /ip4/…/tcp/…',
  parse: (raw) => (typeof raw === 'string' ? parseAddress(raw) : undefined),
  show: formatAddress,
};

export const addressOrOff: ValueType<ListenAddress | 'off'> = {
  expected: `off, or ${address.expected}`,
  parse: (raw) => (raw === 'off' || raw === false ? 'off' : address.parse(raw)),
  show: (value) => (value === 'off' ? value : formatAddress(value)),
};

export function integer(from: number, to: number): ValueType<number> {
  return {
    expected: `a whole number from ${from} to ${to}`,
    parse: (raw) => {
      const value = typeof raw === 'string' && /^\d{1,15}$/.test(raw) ? Number(raw) : raw;
      return typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to ? value : undefined;
    },
    show: String,
  };
}

export function bytes(from: number, to: number, only?: (value: number) => boolean, rule = ''): ValueType<number> {
  return {
    expected: `a size from ${formatBytes(from)} to ${formatBytes(to)}${rule}, like 64KiB or 1GiB`,
    parse: (raw) => {
      const value = typeof raw === 'string' ? parseBytes(raw) : raw;
      if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) return undefined;
      return only === undefined || only(value) ? value : undefined;
    },
    show: formatBytes,
  };
}

export function duration(fromMs: number, toMs: number): ValueType<number> {
  return {
    expected: `a time from ${formatDuration(fromMs)} to ${formatDuration(toMs)}, with its unit (ms, s, m, h, d)`,
    parse: (raw) => {
      const value = typeof raw === 'string' ? parseDuration(raw) : undefined;
      return value !== undefined && value >= fromMs && value <= toMs ? value : undefined;
    },
    show: formatDuration,
  };
}

export function choice<const T extends string>(...allowed: readonly T[]): ValueType<T> {
  return {
    expected: `one of ${allowed.join(', ')}`,
    parse: (raw) => allowed.find((name) => name === raw),
    show: String,
  };
}

/** A flag is repeated, the environment separates by commas, a file has an array. */
export function list(what: string, item: (entry: string) => boolean, most = 256): ValueType<readonly string[]> {
  return {
    expected: `a list of ${what}`,
    parse: (raw) => {
      const entries = typeof raw === 'string' ? raw.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '') : raw;
      if (!Array.isArray(entries) || entries.length > most) return undefined;
      return entries.every((entry) => typeof entry === 'string' && item(entry)) ? Object.freeze([...entries]) : undefined;
    },
    show: (value) => (value.length === 0 ? '(none)' : value.join(', ')),
    list: true,
  };
}

export const addressBlocks = list('IP addresses or CIDR blocks', isAddressBlock);
export const multiaddrs = list('multiaddrs, like /ip4/192.0.2.1/tcp/9091/p2p/12D3KooW…', (entry) =>
  /^(\/[A-Za-z0-9.:_-]+)+$/.test(entry) && entry.length <= 512);
export const anyAddresses = list('host:port (QUIC) or multiaddrs (libp2p)', (entry) =>
  entry.length <= 512 && (/^(\/[A-Za-z0-9.:_-]+)+$/.test(entry) || parseAddress(entry) !== undefined));
export const iceServers = list('stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT', (entry) => /^(?:stun:|turn:[^:@\s]+:[^@\s]+@)[^:@\s]+:\d{1,5}$/.test(entry), 16);
export const stageChoices = list('stage=path or no-feature, like codec=portable or no-avx512', (entry) => /^(?:[a-z-]+=[a-z0-9-]+|no-[a-z0-9]+)$/.test(entry), 32);

/** Addresses of relays of the graph. Without user and password: they would stand in logs. */
export const graphUrls = list('ws://, wss://, http:// or https:// addresses without user and password, like wss://relay.example/gun', (entry) => {
  const url = /^(?:wss?|https?):\/\//.test(entry) && entry.length <= 512 ? URL.parse(entry) : null;
  return url !== null && url.username === '' && url.password === '' && url.hash === '';
}, 64);
export const origins = list('"loopback", "null" (pages out of files), "*" for every page, or origins like https://chat.example', (entry) => {
  if (entry === 'loopback' || entry === 'null' || entry === '*') return true;
  return /^https?:\/\//.test(entry) && URL.parse(entry)?.origin === entry;
}, 64);
export const hostNames = list('names of this machine, like relay.example', (entry) => /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(entry), 64);

/** `disk`, `memory`, or a bucket: `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`. */
export const graphStore: ValueType<string> = {
  expected: 'disk, memory, or a bucket like s3://BUCKET/PREFIX?endpoint=https://s3.example&region=eu-central-1 (keys come from elsewhere)',
  parse: (raw) => {
    if (raw === 'disk' || raw === 'memory') return raw;
    if (typeof raw !== 'string' || raw.length > 1024 || !/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:[/?]|$)/.test(raw)) return undefined;
    const url = URL.parse(raw);
    if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return undefined;
    const known = [...url.searchParams].every(([name, value]) => name === 'region' ? /^[a-z0-9-]{1,64}$/.test(value) : name === 'endpoint' && isEndpoint(value));
    return known ? raw : undefined;
  },
  show: String,
};

function isEndpoint(text: string): boolean {
  const url = /^https?:\/\//.test(text) ? URL.parse(text) : null;
  return url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
}

/** A setting that may be left to the node. */
export function optional<T>(type: ValueType<T>): ValueType<T | undefined> {
  return { ...type, parse: type.parse, show: (value) => (value === undefined ? '(none)' : type.show(value)) };
}

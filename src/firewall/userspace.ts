import type { Firewall, FirewallCounters, Verdict } from './firewall.ts';
import { decide, parseAllowlist } from './rules.ts';

/** Who may connect when nobody says otherwise: this machine. */
export const loopback: readonly string[] = ['127.0.0.0/8', '::1/128'];

export interface FirewallOptions {
  /** Addresses and CIDR blocks; loopback when left out. */
  readonly allow?: readonly string[];
}

/** Throws `CONFIG_INVALID` on an entry that is no address or block. */
export function createFirewall(options: FirewallOptions = {}): Firewall {
  let blocks = parseAllowlist(options.allow ?? loopback);
  let allow = blocks.map((block) => block.text);
  const counted = new Map<string, { allowed: number; denied: number }>();
  const listeners: ((allow: readonly string[]) => void)[] = [];
  const onDenied: Parameters<Firewall['onDenied']>[0][] = [];

  const record = (listener: string, verdict: Verdict, count: number, address = '', rule?: string): void => {
    const counters = counted.get(listener) ?? { allowed: 0, denied: 0 };
    if (verdict === 'allow') counters.allowed += count;
    else counters.denied += count;
    counted.set(listener, counters);
    if (verdict === 'deny') for (const told of onDenied) told({ listener, address, count, rule });
  };

  return {
    mode: 'userspace',
    get allow() {
      return allow;
    },
    decide: (address) => decide(blocks, address),
    admit(listener, address) {
      const verdict = decide(blocks, address);
      record(listener, verdict, 1, address);
      return verdict === 'allow';
    },
    record,
    counters: (): Readonly<Record<string, FirewallCounters>> =>
      Object.fromEntries(Array.from(counted, ([listener, counters]) => [listener, { ...counters }])),
    setAllow(entries) {
      blocks = parseAllowlist(entries);
      allow = blocks.map((block) => block.text);
      for (const listener of listeners) listener(allow);
    },
    onDenied: (listener) => void onDenied.push(listener),
    onChange(listener) {
      listeners.push(listener);
    },
  };
}

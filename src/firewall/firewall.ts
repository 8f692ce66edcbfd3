/**
 * Who may connect. Rules are pure values; enforcers apply the same verdict on every listener.
 *
 * First form: an allowlist of CIDR blocks in user space, loopback only unless addresses are allowed.
 * The same list is given to the native enforcer inside the QUIC and libp2p listeners (`native/firewall`),
 * which counts what it passes and drops; `mode` says `userspace`, and that no kernel path is built.
 */
export type Verdict = 'allow' | 'deny';

export interface FirewallCounters {
  readonly allowed: number;
  readonly denied: number;
}

export interface Firewall {
  readonly mode: 'userspace';
  /** Normalised CIDR blocks, e.g. `127.0.0.0/8`. */
  readonly allow: readonly string[];
  /** Pure decision for one source address (IPv4, IPv6, or IPv4-mapped). Text that is no address is denied. */
  decide(address: string): Verdict;
  /** Decides and counts, per listener (`quic`, `libp2p`, `http`, …). */
  admit(listener: string, address: string): boolean;
  /** Counts what an enforcer decided by itself; `address` where it told which, `rule` where it is not the allowlist that was broken. */
  record(listener: string, verdict: Verdict, count: number, address?: string, rule?: string): void;
  counters(): Readonly<Record<string, FirewallCounters>>;
  /** Replaces the list (SIGHUP). Throws `CONFIG_INVALID` on text that is no address or block, and changes nothing then. */
  setAllow(entries: readonly string[]): void;
  /** Told of every denial at once, so it must be quick. `address` is empty where it is not known. */
  onDenied(listener: (denied: { readonly listener: string; readonly address: string; readonly count: number; readonly rule?: string | undefined }) => void): void;
  onChange(listener: (allow: readonly string[]) => void): void;
}

export { createFirewall } from './userspace.ts';
export { parseAllowlist, decide } from './rules.ts';

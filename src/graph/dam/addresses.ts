import type { DamLimits } from './limits.ts';
import { Bucket } from './rates.ts';

/** What is known of an address, over all its connections. */
export interface Address {
  readonly name: string;
  connections: number;
  score: number;
  scoredMs: number;
  bannedUntilMs: number;
  readonly messages: Bucket;
  readonly writes: Bucket;
}

/** All programs of this machine share these, so one of them must not lock out the others. */
const loopback = /^(?:127\.|::1$|::ffff:127\.)/;

/** Who has one address of IPv6 has all of its /64. */
function neighbourhood(address: string): string {
  if (!address.includes(':') || address.includes('.') || loopback.test(address)) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').toLowerCase().split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, behind] = [groups(head), groups(tail)];
  const between = Array.from({ length: Math.max(0, 8 - before.length - behind.length) }, () => '0');
  return `${[...before, ...between, ...behind].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`;
}

export class Addresses {
  readonly #limits: DamLimits;
  readonly #known = new Map<string, Address>();

  constructor(limits: DamLimits) {
    this.#limits = limits;
  }

  /** Undefined when the address may not connect now. */
  admit(from: string, nowMs: number): Address | undefined {
    const name = neighbourhood(from);
    let address = this.#known.get(name);
    if (address && address.bannedUntilMs > nowMs) return undefined;
    if (address && address.connections >= this.#limits.connectionsPerAddress && !loopback.test(name)) return undefined;
    if (!address) {
      if (this.#known.size >= this.#limits.addresses) this.#forget(nowMs);
      const { messagesPerSecond, writesPerSecond } = this.#limits;
      address = {
        name, connections: 0, score: 0, scoredMs: nowMs, bannedUntilMs: 0,
        messages: new Bucket(messagesPerSecond, nowMs), writes: new Bucket(writesPerSecond, nowMs),
      };
      this.#known.set(name, address);
    }
    address.connections++;
    return address;
  }

  release(address: Address): void {
    address.connections--;
  }

  /** True when the address went beyond the limit with these points. It is banned then, unless it is this machine. */
  penalise(address: Address, points: number, nowMs: number): boolean {
    const forgotten = ((nowMs - address.scoredMs) / 1000) * this.#limits.scorePerSecond;
    address.score = Math.max(0, address.score - forgotten) + points;
    address.scoredMs = nowMs;
    if (address.score < this.#limits.scoreLimit) return false;
    address.score = 0;
    if (!loopback.test(address.name)) address.bannedUntilMs = nowMs + this.#limits.banMs;
    return true;
  }

  /** Those without connection and ban first; if all are banned, the oldest. */
  #forget(nowMs: number): void {
    for (const [name, address] of this.#known) {
      if (address.connections === 0 && address.bannedUntilMs <= nowMs) this.#known.delete(name);
    }
    for (const [name, address] of this.#known) {
      if (this.#known.size < this.#limits.addresses) return;
      if (address.connections === 0) this.#known.delete(name);
    }
  }
}

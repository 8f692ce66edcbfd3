import type { PeerId } from '../ids/ids.ts';
import { parseMultiaddr, transportPart } from './addresses.ts';
import { hostLimits } from './limits.ts';

/** Where peers were said to be; the peer heard of longest ago is forgotten first. Anyone may fill it: it proves nothing. */
export class AddressBook {
  readonly #entries = new Map<PeerId, readonly string[]>();

  get(peer: PeerId): readonly string[] {
    return this.#entries.get(peer) ?? [];
  }

  /** Replaces what was known, unless nothing usable is given. */
  set(peer: PeerId, multiaddrs: readonly string[]): readonly string[] {
    const kept = usableAddresses(peer, multiaddrs);
    if (kept.length === 0) return this.get(peer);
    this.#entries.delete(peer);
    this.#entries.set(peer, kept);
    const oldest = this.#entries.size > hostLimits.addressBookPeers ? this.#entries.keys().next().value : undefined;
    if (oldest !== undefined) this.#entries.delete(oldest);
    return this.get(peer);
  }
}

/** Addresses that a host can dial and that name no other peer: each once, without the identity, not too many. */
export function usableAddresses(peer: PeerId, multiaddrs: readonly string[]): string[] {
  const kept = new Set<string>();
  for (const text of multiaddrs) {
    const address = parseMultiaddr(text);
    if (!address || (address.peer !== undefined && address.peer !== peer) || address.port === 0) continue;
    kept.add(transportPart(address));
    if (kept.size === hostLimits.addressesPeer) break;
  }
  return [...kept];
}

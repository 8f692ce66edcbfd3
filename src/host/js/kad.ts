/** Kademlia operations on js-libp2p. Queries end with what they have when their time is over. */
import type { KadDHT, QueryEvent } from '@libp2p/kad-dht';
import type { PeerId as Libp2pPeerId, PeerInfo } from '@libp2p/interface';
import type { CID } from 'multiformats/cid';

import { PangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import { type Clock, equalBytes } from '../../std/std.ts';
import { usableAddresses } from '../addressbook.ts';
import { withDeadline } from '../deadline.ts';
import type { FoundRecord, HostPeer, KadOperations } from '../host.ts';
import { hostLimits } from '../limits.ts';

export interface JsKadOptions {
  readonly dht: KadDHT;
  readonly self: Libp2pPeerId;
  readonly clock: Clock;
  /** `12 20` + 32 bytes to the CID that the library names it by. */
  readonly cidOf: (key: Uint8Array) => CID;
  readonly addressesOf: (peer: PeerId) => readonly string[];
  readonly learned: (found: HostPeer) => void;
}

export class JsKad implements KadOperations {
  readonly #options: JsKadOptions;

  constructor(options: JsKadOptions) {
    this.#options = options;
  }

  async bootstrap(): Promise<void> {
    await this.closestPeers(this.#options.self.toMultihash().bytes, hostLimits.queryTimeoutMs);
  }

  async startProviding(key: Uint8Array): Promise<void> {
    await this.#run(hostLimits.queryTimeoutMs, (signal) => this.#options.dht.provide(this.#options.cidOf(key), { signal }), () => true);
  }

  async stopProviding(key: Uint8Array): Promise<void> {
    await this.#options.dht.cancelReprovide(this.#options.cidOf(key));
  }

  async providers(key: Uint8Array, limit: number, timeoutMs: number): Promise<readonly HostPeer[]> {
    const found = new Map<PeerId, HostPeer>();
    await this.#run(timeoutMs, (signal) => this.#options.dht.findProviders(this.#options.cidOf(key), { signal }), (event) => {
      if (event.name === 'PROVIDER') for (const provider of event.providers) this.#collect(found, provider);
      return found.size < limit;
    });
    return [...found.values()].slice(0, limit);
  }

  async putRecord(key: Uint8Array, value: Uint8Array): Promise<void> {
    let holders = 0;
    await this.#run(hostLimits.queryTimeoutMs, (signal) => this.#options.dht.put(key, value, { signal }), (event) => {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE' && event.record && equalBytes(event.record.value, value)) holders++;
      return true;
    });
    if (holders === 0) throw new PangeaError('NOT_ENOUGH_PEERS', 'no peer of the DHT took the value');
  }

  async getRecord(key: Uint8Array, timeoutMs: number): Promise<readonly FoundRecord[]> {
    const found: FoundRecord[] = [];
    const add = (value: Uint8Array, peer: PeerId | undefined): void => {
      if (!found.some((other) => other.peer === peer && equalBytes(other.value, value))) found.push({ value, peer });
    };
    await this.#run(timeoutMs, (signal) => this.#options.dht.get(key, { signal }), (event) => {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'GET_VALUE' && event.record) {
        add(event.record.value, event.from.toString() as PeerId);
      } else if (event.name === 'VALUE') {
        const own = event.from.equals(this.#options.self);
        add(event.value, own ? undefined : (event.from.toString() as PeerId));
      }
      return true;
    });
    return found;
  }

  async closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly HostPeer[]> {
    const found = new Map<PeerId, HostPeer>();
    await this.#run(timeoutMs, (signal) => this.#options.dht.getClosestPeers(key, { signal }), (event) => {
      if (event.name === 'FINAL_PEER') this.#collect(found, event.peer);
      return true;
    });
    return [...found.values()];
  }

  routingTablePeers(): readonly HostPeer[] {
    // The library's type shows only the table's size.
    const table = (this.#options.dht as unknown as { routingTable: { kb: { toIterable(): Iterable<{ peerId: Libp2pPeerId }> } } }).routingTable;
    return [...table.kb.toIterable()].map(({ peerId }) => {
      const peer = peerId.toString() as PeerId;
      return { peer, multiaddrs: this.#options.addressesOf(peer) };
    });
  }

  #collect(found: Map<PeerId, HostPeer>, info: PeerInfo): void {
    if (info.id.equals(this.#options.self)) return;
    const peer = info.id.toString() as PeerId;
    const named = usableAddresses(peer, info.multiaddrs.map(String));
    const multiaddrs = named.length > 0 ? named : this.#options.addressesOf(peer);
    if (!found.has(peer) || multiaddrs.length > 0) found.set(peer, { peer, multiaddrs });
    if (named.length > 0) this.#options.learned({ peer, multiaddrs: named });
  }

  /** Feeds events to `take` until it says false, the query ends, or the time is over. */
  async #run(timeoutMs: number, query: (signal: AbortSignal) => AsyncIterable<QueryEvent>, take: (event: QueryEvent) => boolean): Promise<void> {
    await withDeadline(this.#options.clock, timeoutMs, async (signal) => {
      try {
        for await (const event of query(signal)) if (!take(event)) return;
      } catch (error) {
        const name = (error as Error).name;
        // Corrections of outdated holders fail when a holder refuses them; the answers are in hand by then.
        if (signal.aborted || name === 'QueryError' || name === 'NotFoundError' || name === 'AbortError' || name === 'QueryAbortedError') return;
        throw new PangeaError('PROTOCOL', `DHT query failed: ${(error as Error).message}`, { cause: error });
      }
    });
  }
}

import { asPangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { Native } from '../../native/native.ts';
import type { FoundRecord, HostPeer, KadOperations } from '../host.ts';

/** Kademlia operations of the addon's swarm. */
export class NativeKad implements KadOperations {
  readonly #swarm: InstanceType<Native['SwarmHost']>;
  readonly #learned: (found: HostPeer) => void;

  constructor(swarm: InstanceType<Native['SwarmHost']>, learned: (found: HostPeer) => void) {
    this.#swarm = swarm;
    this.#learned = learned;
  }

  bootstrap(): Promise<void> {
    return this.#swarm.bootstrap().catch(rethrow);
  }

  startProviding(key: Uint8Array): Promise<void> {
    return this.#swarm.startProviding(key).catch(rethrow);
  }

  stopProviding(key: Uint8Array): Promise<void> {
    return this.#swarm.stopProviding(key).catch(rethrow);
  }

  async providers(key: Uint8Array, limit: number, timeoutMs: number): Promise<readonly HostPeer[]> {
    return this.#tell((await this.#swarm.providers(key, limit, timeoutMs).catch(rethrow)) as HostPeer[]);
  }

  putRecord(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.#swarm.putRecord(key, value).catch(rethrow);
  }

  async getRecord(key: Uint8Array, timeoutMs: number): Promise<readonly FoundRecord[]> {
    const found = await this.#swarm.getRecord(key, timeoutMs).catch(rethrow);
    return found.map(({ peer, value }) => ({ peer: peer as PeerId | undefined, value }));
  }

  async closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly HostPeer[]> {
    return this.#tell((await this.#swarm.closestPeers(key, timeoutMs).catch(rethrow)) as HostPeer[]);
  }

  routingTablePeers(): readonly HostPeer[] {
    return this.#swarm.routingTable() as HostPeer[];
  }

  #tell(found: readonly HostPeer[]): readonly HostPeer[] {
    for (const peer of found) if (peer.multiaddrs.length > 0) this.#learned(peer);
    return found;
  }
}

function rethrow(error: unknown): never {
  throw asPangeaError(error);
}

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
    return this.#tell(hostPeers(await this.#swarm.providers(key, limit, timeoutMs).catch(rethrow)));
  }

  putRecord(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.#swarm.putRecord(key, value).catch(rethrow);
  }

  async getRecord(key: Uint8Array, timeoutMs: number): Promise<readonly FoundRecord[]> {
    const found = await this.#swarm.getRecord(key, timeoutMs).catch(rethrow);
    return found.map(({ peer, value }) => ({ peer: peer as PeerId | undefined, value }));
  }

  async closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly HostPeer[]> {
    return this.#tell(hostPeers(await this.#swarm.closestPeers(key, timeoutMs).catch(rethrow)));
  }

  routingTablePeers(): readonly HostPeer[] {
    return hostPeers(this.#swarm.routingTable());
  }

  #tell(found: readonly HostPeer[]): readonly HostPeer[] {
    for (const peer of found) if (peer.multiaddrs.length > 0) this.#learned(peer);
    return found;
  }
}

/** The addon writes PeerIds as this project reads them. */
function hostPeers(found: readonly { peer: string; multiaddrs: readonly string[] }[]): HostPeer[] {
  return found.map(({ peer, multiaddrs }) => ({ peer: peer as PeerId, multiaddrs }));
}

function rethrow(error: unknown): never {
  throw asPangeaError(error);
}

/** Ours as it is used: put together as a node does it where it is part of the mesh, as a program has it where it is an end. */
import { createChain, type Chain } from '../../../src/graph/chain/chain.ts';
import type { DamLimits } from '../../../src/graph/dam/limits.ts';
import {
  createGraphPeer, createGuard, createMesh, createReconciler, keepConnected, MemoryStore, nodeSocket, openDurableStore, openGraphServer, openNodeGraph, type GraphPeer,
} from '../../../src/graph/graph.ts';
import type { Backoff } from '../../../src/graph/wire/client.ts';
import { systemClock as clock, systemRandom as random } from '../../../src/std/std.ts';

export interface Use {
  readonly node: boolean;
  readonly listen: boolean;
  readonly peers: readonly string[];
  readonly directory?: string;
  readonly limits?: Partial<DamLimits>;
  readonly backoff?: Partial<Backoff>;
}

export interface Pangea {
  readonly peer: GraphPeer;
  readonly chain: Chain;
  /** 0 when it does not listen. */
  readonly port: number;
  close(): Promise<void>;
}

export async function openPangea({ node, listen, peers, directory, limits, backoff = {} }: Use): Promise<Pangea> {
  if (!node) {
    const graph = await openNodeGraph({ peers, backoff, ...(directory === undefined ? {} : { directory }), ...(limits === undefined ? {} : { limits: { mesh: limits } }) });
    return { peer: graph.peer, chain: graph, port: 0, close: () => graph.close() };
  }
  const store = directory === undefined ? new MemoryStore() : await openDurableStore(directory);
  const peer = createGraphPeer({
    store, clock, random, guard: createGuard({ clock }), reconcile: createReconciler({ clock }),
    mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay: true, ...(limits === undefined ? {} : { limits }) }),
  });
  for (const url of peers) keepConnected(url, peer.mesh, { clock, random, socket: nodeSocket(), backoff });
  const server = listen ? await openGraphServer({ host: '127.0.0.1', port: 0, mesh: peer.mesh, clock }) : undefined;
  return {
    peer, chain: createChain(peer, { clock, random }), port: server?.address.port ?? 0,
    async close() {
      await server?.close();
      await peer.close().finally(() => store.close());
    },
  };
}

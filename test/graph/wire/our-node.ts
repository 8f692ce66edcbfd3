/** A graph peer of ours with sockets: a relay on a free port of loopback, and wires to others. */
import { createMesh } from '../../../src/graph/dam/create.ts';
import type { Violation } from '../../../src/graph/dam/dam.ts';
import type { DamLimits } from '../../../src/graph/dam/limits.ts';
import type { GraphNode } from '../../../src/graph/data/node.ts';
import { createGraphPeer } from '../../../src/graph/peer/create.ts';
import type { GraphPeer } from '../../../src/graph/peer/peer.ts';
import { createReconciler } from '../../../src/graph/reconcile/create.ts';
import type { ReconcileLimits } from '../../../src/graph/reconcile/limits.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import type { GraphStore } from '../../../src/graph/storage/storage.ts';
import { type Backoff, type GraphClient, keepConnected } from '../../../src/graph/wire/client.ts';
import { nodeSocket } from '../../../src/graph/wire/node-socket.ts';
import { type GraphServer, openGraphServer } from '../../../src/graph/wire/server.ts';
import { systemClock, systemRandom } from '../../../src/std/std.ts';

export interface OurNodeOptions {
  readonly peers?: readonly string[];
  readonly port?: number;
  readonly store?: GraphStore;
  readonly limits?: Partial<DamLimits>;
  readonly reconcile?: Partial<ReconcileLimits> | false;
  readonly backoff?: Partial<Backoff>;
}

export interface OurNode {
  readonly peer: GraphPeer;
  readonly server: GraphServer;
  readonly url: string;
  readonly clients: readonly GraphClient[];
  readonly violations: Violation[];
  write(soul: string, values: Readonly<Record<string, string | number | boolean | null>>): Promise<void>;
  node(soul: string): Promise<GraphNode | undefined>;
  close(): Promise<void>;
}

export async function ourNode({ peers = [], port = 0, store = new MemoryStore(), limits = {}, reconcile = {}, backoff = { firstMs: 50, lastMs: 200 } }: OurNodeOptions = {}): Promise<OurNode> {
  const [clock, random] = [systemClock, systemRandom];
  const violations: Violation[] = [];
  const peer = createGraphPeer({
    store, clock, random,
    mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay: true, limits, onViolation: (_peer, violation) => violations.push(violation) }),
    ...(reconcile === false ? {} : { reconcile: createReconciler({ clock, limits: reconcile }) }),
  });
  const server = await openGraphServer({ host: '127.0.0.1', port, mesh: peer.mesh, clock });
  const clients = peers.map((url) => keepConnected(url, peer.mesh, { clock, random, socket: nodeSocket(), backoff }));
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    for (const client of clients) client.close();
    await server.close();
    await peer.close();
  };
  return {
    peer, server, clients, violations,
    url: `http://127.0.0.1:${server.address.port}/gun`,
    async write(soul, values) {
      const state = peer.nextState();
      await peer.put([{ soul, fields: Object.entries(values).map(([key, value]) => ({ key, value, state })) }]);
    },
    node: (soul) => peer.load(soul),
    close: () => (closing ??= end()),
  };
}

/** Looks again and again, up to a generous deadline. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 15_000): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

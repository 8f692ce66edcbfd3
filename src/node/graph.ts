/** The realtime graph as the configuration wants it: store, guard, peer and mesh, server, and the relays that the operator named. */
import type { GraphApi, GraphRelayView } from '../api/api.ts';
import { formatAddress, type NodeConfig } from '../config/config.ts';
import type { Firewall } from '../firewall/firewall.ts';
import {
  createGraphPeer, createGuard, createMesh, createReconciler, keepConnected, nodeSocket, openGraphServer, type GraphClient, type GraphPeer, type GraphStore, type Mesh,
  type MeshHandler, type Value,
} from '../graph/graph.ts';
import type { KeyValueStore } from '../kv/kv.ts';
import type { Objects } from '../objects/objects.ts';
import { systemClock, systemRandom } from '../std/std.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';
import { directorySize, type StoredBytes } from './directory-size.ts';
import type { Events } from './events.ts';
import { hostAllowed, originAllowed } from './graph-admission.ts';
import { GraphCalls } from './graph-calls.ts';
import { watchGraph } from './graph-events.ts';
import { countedHandler, graphGauges, timedStore, violationCounter } from './graph-metrics.ts';
import { graphDirectory, openGraphStore } from './graph-store.ts';

export interface GraphParts {
  /** Read anew at each connection, so that a reload takes effect. */
  readonly config: () => NodeConfig;
  readonly listen: { readonly host: string; readonly port: number };
  readonly kv: KeyValueStore;
  readonly objects: Objects;
  readonly firewall: Firewall;
  readonly events: Events;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface OpenedGraph {
  readonly api: GraphApi;
  /** For start-up. */
  readonly detail: string;
  /** Connects to those of `graph-peers` that are new, and leaves those that are gone from it. */
  meetRelays(): void;
  /** Resolves when everything that was acknowledged is stored. */
  close(): Promise<void>;
}

/**
 * Frames are measured in UTF-16 units, of which each takes up to three bytes. A frame over the bytes ends its connection, and the peer would
 * come back and send it again for ever; one over the units is refused with a word.
 */
const payloadBytes = 3;

/** The listener's name in the firewall's counts. */
const listener = 'graph';

/** Throws `PORT_IN_USE`, `ADDRESS_INVALID`, and what `openGraphStore` throws. */
export async function openGraph(parts: GraphParts): Promise<OpenedGraph> {
  const { config, listen, kv, objects, firewall, events, metrics } = parts;
  const kept = await openGraphStore({ config: config(), kv, objects });
  // Memory has no durable writes to time, and is read directly by the replica.
  const store = kept.durability === 'memory' ? kept : timedStore(kept, metrics, systemClock);
  const lookup = async (soul: string, key: string): Promise<Value | undefined> => (await peer.load(soul))?.value(key);
  const guard = createGuard({ clock: systemClock, lookup });
  const peer = createGraphPeer({
    store, guard, upstream: config().graphPeers.length > 0, clock: systemClock, random: systemRandom, reconcile: createReconciler({ clock: systemClock }),
    replicaLimits: { bytesInMemory: config().graphMemory },
    mesh: (handler, pid) => meshOf(handler, pid, parts),
  });
  try {
    const relays = new Relays(peer.mesh, config);
    const server = await openGraphServer({
      ...listen, mesh: peer.mesh, clock: systemClock, maxPayload: payloadBytes * config().graphMaxMessage, maxConnections: config().graphConnections,
      admit: (address) => firewall.admit(listener, address),
      allowHost: (header) => hostAllowed(header, config()),
      allowOrigin: (origin) => originAllowed(origin, config()),
    });
    const silence = watchGraph(peer, events, systemClock);
    const stored = config().graphStore === 'disk' ? directorySize(graphDirectory(config().dataDir)) : writtenBytes(kept);
    graphGauges(metrics, peer, store, () => stored.last());
    relays.meet();
    const address = `ws://${formatAddress({ host: listen.host, port: server.address.port })}/gun`;
    return {
      api: new GraphCalls({ peer, store, guard, clock: systemClock, storedBytes: () => stored.count(), address, relays: () => relays.view() }),
      detail: detailOf(address, store, config()),
      meetRelays: () => relays.meet(),
      async close() {
        silence();
        relays.close();
        await server.close();
        await closePeer(peer, kept);
      },
    };
  } catch (error) {
    await closePeer(peer, kept);
    throw error;
  }
}

/** Of memory what is in it, of a bucket what was written since the start. */
function writtenBytes(store: GraphStore): StoredBytes {
  const last = (): number => store.stats().bytes;
  return { last, count: async () => last() };
}

function meshOf(handler: MeshHandler, pid: string, { config, firewall, logger, metrics }: GraphParts): Mesh {
  const { graphMaxMessage, graphWritesPerSecond, graphConnections } = config();
  const count = violationCounter(metrics);
  return createMesh({
    handler: countedHandler(handler, metrics), clock: systemClock, random: systemRandom, pid, relay: true,
    limits: { frameChars: graphMaxMessage, writesPerSecond: graphWritesPerSecond, connections: graphConnections },
    onViolation: ({ name, dialled }, rule, detail) => {
      count(rule);
      // A relay of ours was named by the operator: it is not denied, only told of.
      if (!dialled) firewall.record(listener, 'deny', 1, name, rule);
      logger.debug({ peer: name, rule, detail }, 'a peer of the graph broke a rule');
    },
  });
}

async function closePeer(peer: GraphPeer, store: GraphStore): Promise<void> {
  await peer.close().finally(() => store.close());
}

function detailOf(address: string, store: GraphStore, { graphPeers, graphOrigins }: NodeConfig): string {
  const where = store.durability === 'memory' ? 'kept in memory alone' : `kept in ${store.name} (${store.durability})`;
  const pages = graphOrigins.includes('*') ? 'every page may come' : `pages of ${graphOrigins.join(', ') || 'no origin'}`;
  return [address, where, pages, ...(graphPeers.length > 0 ? [`relays ${graphPeers.join(', ')}`] : [])].join(', ');
}

/** Wires to `graph-peers`, each named by the operator and so allowed to be dialled; nobody else is. */
class Relays {
  readonly #mesh: Mesh;
  readonly #config: () => NodeConfig;
  readonly #clients = new Map<string, GraphClient>();

  constructor(mesh: Mesh, config: () => NodeConfig) {
    this.#mesh = mesh;
    this.#config = config;
  }

  meet(): void {
    const { graphPeers, graphMaxMessage } = this.#config();
    for (const [url, client] of this.#clients) {
      if (graphPeers.includes(url)) continue;
      client.close();
      this.#clients.delete(url);
    }
    for (const url of graphPeers) {
      if (this.#clients.has(url)) continue;
      this.#clients.set(url, keepConnected(url, this.#mesh, { clock: systemClock, random: systemRandom, socket: nodeSocket({ maxPayload: payloadBytes * graphMaxMessage }) }));
    }
  }

  view(): readonly GraphRelayView[] {
    return [...this.#clients].map(([url, { state }]) => ({ url, state }));
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}

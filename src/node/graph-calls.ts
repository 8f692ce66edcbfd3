/** What a caller at this node can do with the graph: the api, on a peer. */
import type {
  GraphApi, GraphChange, GraphImport, GraphInput, GraphNodeView, GraphPeerView, GraphPutView, GraphRecord, GraphRelayView, GraphStatus,
} from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import { checkGraph, compareText, type Field, type GraphPeer, type GraphStore, type Guard } from '../graph/graph.ts';
import type { Clock } from '../std/std.ts';
import { exportGraph, importGraph } from './graph-transfer.ts';
import { watchNode } from './graph-watch.ts';

const defaultWaitMs = 2_000;

export interface GraphCallsParts {
  readonly peer: GraphPeer;
  readonly store: GraphStore;
  readonly guard: Guard;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** What the store takes on disk or in memory. */
  readonly storedBytes: () => number;
  readonly address: string;
  readonly relays: () => readonly GraphRelayView[];
}

export class GraphCalls implements GraphApi {
  readonly #parts: GraphCallsParts;

  constructor(parts: GraphCallsParts) {
    this.#parts = parts;
  }

  async status(): Promise<GraphStatus> {
    const { peer, store, storedBytes, address, relays } = this.#parts;
    const { writes, fields: written } = store.stats();
    const { replica, mesh, outbox, subscriptions } = peer.stats();
    const peers = peer.mesh.peers();
    const relayCount = peers.filter(({ relay }) => relay).length;
    return {
      state: 'up', address, pid: peer.pid, store: { name: store.name, durability: store.durability, writes, written, bytes: storedBytes() },
      digest: peer.digest(), relays: relays(),
      peers: { relays: relayCount, leaves: peers.length - relayCount, pangea: peers.filter(({ pangea }) => pangea).length },
      fields: { accepted: replica.accepted, old: replica.old, refused: replica.refused, deferred: replica.deferred, unstored: replica.unstored },
      memory: { nodes: replica.nodesInMemory, fields: replica.fieldsInMemory, watched: replica.watched },
      messages: { in: mesh.messagesIn, out: mesh.messagesOut, duplicates: mesh.duplicates, relayed: mesh.relayed },
      outbox, subscriptions, failedWrites: replica.failedWrites, violations: mesh.violations,
    };
  }

  async get(soul: string, { key, waitMs = defaultWaitMs }: { readonly key?: string; readonly waitMs?: number } = {}): Promise<GraphNodeView | undefined> {
    const { peer } = this.#parts;
    const here = await this.#read(soul, key);
    if (here !== undefined || waitMs === 0) return here;
    const asked = await peer.ask({ soul, ...(key === undefined ? {} : { key }) }, { waitMs });
    return asked === 'answered' ? this.#read(soul, key) : undefined;
  }

  async put(soul: string, input: GraphInput): Promise<GraphPutView> {
    const { peer } = this.#parts;
    const state = peer.nextState();
    const keys = Object.keys(input);
    if (keys.length === 0) throw new PangeaError('USAGE', 'a put needs at least one field');
    const node = Object.fromEntries([...Object.entries(input), ['_', { '#': soul, '>': Object.fromEntries(keys.map((key) => [key, state])) }]]);
    // The same rules as for what comes from afar: what we take, others must take too.
    const checked = checkGraph(Object.fromEntries([[soul, node]]));
    if (!checked.ok) throw new PangeaError('USAGE', `this cannot be in a graph: ${checked.detail}`);
    const { stored } = await peer.put(checked.deltas);
    return { soul, state, stored };
  }

  watch(soul: string, signal: AbortSignal): AsyncIterable<GraphChange> {
    return watchNode(this.#parts.peer, soul, signal);
  }

  souls(prefix?: string): AsyncIterable<string> {
    return this.#parts.peer.souls(prefix === undefined || prefix === '' ? undefined : { '*': prefix });
  }

  export(prefix?: string): AsyncIterable<GraphRecord> {
    return exportGraph(this.#parts.peer, prefix);
  }

  import(records: AsyncIterable<GraphRecord>): Promise<GraphImport> {
    return importGraph(this.#parts, records);
  }

  async peers(): Promise<readonly GraphPeerView[]> {
    return this.#parts.peer.mesh.peers().map(({ id, pid, name, dialled, relay, pangea }) => ({
      id, pid, name, direction: dialled ? 'dialled' : 'accepted', role: relay ? 'relay' : 'leaf', speaks: pangea ? 'pangea' : 'gun',
    }));
  }

  async #read(soul: string, key: string | undefined): Promise<GraphNodeView | undefined> {
    const { peer } = this.#parts;
    const node = key === undefined ? await peer.load(soul) : await peer.range(soul, { '=': key });
    return node === undefined || node.size === 0 ? undefined : { soul, fields: [...node.fields()].sort(byKey) };
  }
}

function byKey(a: Field, b: Field): number {
  return compareText(a.key, b.key);
}

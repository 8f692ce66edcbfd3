/** What a caller at this node can do with the graph: the api, on a peer. */
import type {
  GraphApi, GraphChange, GraphImport, GraphInput, GraphInterest, GraphNodeView, GraphPeerView, GraphPutView, GraphRange, GraphRecord, GraphRelayView,
  GraphStatus,
} from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import { checkGraph, type GraphPeer, type GraphStore, type Guard } from '../graph/graph.ts';
import type { Clock } from '../std/std.ts';
import { readRange, soulsAfter } from './graph-range.ts';
import { exportGraph, importGraph } from './graph-transfer.ts';
import { watchNodes } from './graph-watch.ts';

const defaultWaitMs = 2_000;

export interface GraphCallsParts {
  readonly peer: GraphPeer;
  readonly store: GraphStore;
  readonly guard: Guard;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** What the store takes on disk or in memory. */
  readonly storedBytes: () => Promise<number>;
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
      state: 'up', address, pid: peer.pid, store: { name: store.name, durability: store.durability, writes, written, bytes: await storedBytes() },
      digest: peer.digest(), relays: relays(),
      peers: { relays: relayCount, leaves: peers.length - relayCount, pangea: peers.filter(({ pangea }) => pangea).length },
      fields: { accepted: replica.accepted, old: replica.old, refused: replica.refused, deferred: replica.deferred, unstored: replica.unstored },
      memory: { nodes: replica.nodesInMemory, fields: replica.fieldsInMemory, watched: replica.watched },
      messages: { in: mesh.messagesIn, out: mesh.messagesOut, duplicates: mesh.duplicates, relayed: mesh.relayed },
      outbox, subscriptions, failedWrites: replica.failedWrites, violations: mesh.violations,
    };
  }

  async get(soul: string, { waitMs = defaultWaitMs, ...range }: GraphRange & { readonly waitMs?: number } = {}): Promise<GraphNodeView | undefined> {
    const { peer } = this.#parts;
    const here = await readRange(peer, soul, range);
    if (here !== undefined || waitMs === 0) return here;
    // Ranges have their edges in gun.js, so peers are asked for all of the node then.
    const asked = await peer.ask({ soul, ...(range.key === undefined ? {} : { key: range.key }) }, { waitMs });
    return asked === 'answered' ? readRange(peer, soul, range) : undefined;
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

  watch(soul: string | GraphInterest, signal: AbortSignal): AsyncIterable<GraphChange> {
    return watchNodes(this.#parts.peer, typeof soul === 'string' ? { souls: [soul] } : soul, signal);
  }

  souls(prefix = '', after = ''): AsyncIterable<string> {
    return soulsAfter(this.#parts.peer, prefix, after);
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
}

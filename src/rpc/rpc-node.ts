/**
 * The node as the surface needs it: `NodeApi` with what would be costly across threads done on the node's side
 * (a page of the catalogue instead of all of it, a token that never leaves the node's thread).
 */
import type {
  FirewallView, GetOptions, GetResult, GraphApi, GraphChange, GraphInterest, GraphNodeView, GraphRange, MixedApi, NodeApi, NodeEventKind, NodeStatus, ObjectInfo, ObjectRecord, PeerView, Plan,
  PutOptions, PutResult, RepairAction, RepairView, TreeEntry,
} from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import { withConfigValue } from './config-value.ts';
import { EventQueue, type QueuedEvent } from './bridge/event-queue.ts';

export interface PageRequest {
  readonly pattern: string;
  /** `next` of the page before, or empty. */
  readonly after: string;
  readonly limit: number;
  /** Roots that may be shown; `undefined` for all. */
  readonly only: ReadonlySet<string> | undefined;
}

export interface Page {
  readonly records: readonly ObjectRecord[];
  /** Empty on the last page. */
  readonly next: string;
}

export interface RpcNode {
  login(token: string): Promise<boolean>;
  isTokenNeeded(): Promise<boolean>;
  /** A chunk belongs to the node once it was given. */
  put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult>;
  putTree(entries: AsyncIterable<TreeEntry>, options: PutOptions): Promise<PutResult>;
  get(reference: string, options: GetOptions): Promise<GetResult>;
  getTree(reference: string, options: GetOptions): Promise<{ readonly name: string; readonly entries: AsyncIterable<TreeEntry> }>;
  /** Ends only when the reader returns, or the node stops. */
  events(kinds: readonly NodeEventKind[]): Promise<AsyncIterable<QueuedEvent>>;
  /** Root of an object of the catalogue, by root, name or link. Throws `NOT_FOUND`. */
  rootOf(reference: string): Promise<string>;
  /** Throws `NOT_FOUND` when the object at which `after` stands was removed meanwhile. */
  page(request: PageRequest): Promise<Page>;
  info(reference: string): Promise<ObjectInfo>;
  remove(reference: string): Promise<{ readonly root: string; readonly confirmed: number; readonly holders: number }>;
  peers(): Promise<readonly PeerView[]>;
  connectPeer(address: string): Promise<{ readonly peer: string }>;
  revokePeer(peer: string): Promise<void>;
  plan(): Promise<Plan>;
  status(): Promise<NodeStatus>;
  invite(options: { readonly uses: number; readonly expiresMs: number }): Promise<{ readonly ticket: string }>;
  metrics(): Promise<string>;
  firewall(): Promise<FirewallView>;
  setFirewall(allow: readonly string[]): Promise<FirewallView>;
  repair(): Promise<RepairView>;
  controlRepair(action: RepairAction): Promise<RepairView>;
  /** One setting of `mixed.loadConfig`, by name. One after the other, so that none is lost. Throws `USAGE`. */
  updateConfig(key: string, value: string): Promise<void>;
  readonly mixed: MixedApi;
  readonly graph: RpcGraph;
}

export interface SoulsRequest {
  readonly prefix: string;
  /** `next` of the page before, or empty. */
  readonly after: string;
  readonly limit: number;
}

export interface RpcGraph extends Pick<GraphApi, 'status' | 'put'> {
  get(soul: string, options: GraphRange & { readonly waitMs?: number }, signal: AbortSignal): Promise<GraphNodeView | undefined>;
  souls(request: SoulsRequest): Promise<{ readonly souls: readonly string[]; readonly next: string }>;
  /** Ends when the reader returns, or the node stops. */
  watch(interest: GraphInterest): Promise<AsyncIterable<GraphChange>>;
}

/** `isToken` is `undefined` when no token is asked for. */
export function rpcNodeOf(api: NodeApi, isToken: ((token: string) => Promise<boolean>) | undefined): RpcNode {
  let updated: Promise<unknown> = Promise.resolve();
  return {
    login: async (token) => isToken === undefined || isToken(token),
    isTokenNeeded: async () => isToken !== undefined,
    put: (content, options) => api.put(content, options),
    putTree: (entries, options) => api.putTree(entries, options),
    get: (reference, options) => api.get(reference, options),
    getTree: (reference, options) => api.getTree(reference, options),
    events: async (kinds) => new EventQueue((listener) => api.subscribe(kinds, listener)),
    rootOf: (reference) => rootOf(api, reference),
    page: (request) => page(api, request),
    info: (reference) => api.info(reference),
    remove: (reference) => api.remove(reference),
    peers: () => api.peers(),
    connectPeer: (address) => api.connectPeer(address),
    revokePeer: (peer) => api.revokePeer(peer),
    plan: () => api.plan(),
    status: () => api.status(),
    invite: (options) => api.invite(options),
    metrics: () => api.metrics(),
    firewall: () => api.firewall(),
    setFirewall: (allow) => api.setFirewall(allow),
    repair: () => api.repair(),
    controlRepair: (action) => api.controlRepair(action),
    updateConfig: (key, value) => {
      const update = async (): Promise<void> => api.mixed.saveConfig(withConfigValue(await api.mixed.loadConfig(), key, value));
      const done = updated.then(update);
      updated = done.catch(() => undefined);
      return done;
    },
    mixed: api.mixed,
    graph: {
      status: () => api.graph.status(),
      put: (soul, input) => api.graph.put(soul, input),
      get: (soul, options) => api.graph.get(soul, options),
      souls: (request) => soulsPage(api.graph, request),
      watch: async (interest) => untilLeft((signal) => api.graph.watch(interest, signal)),
    },
  };
}

/** Of several objects with one name the newest, which the catalogue lists last. */
async function rootOf(api: NodeApi, reference: string): Promise<string> {
  let named: string | undefined;
  for await (const { root, name, link } of api.list()) {
    if (root === reference || link === reference) return root;
    if (name === reference) named = root;
  }
  if (named === undefined) throw new PangeaError('NOT_FOUND', 'the catalogue has no such object');
  return named;
}

async function page(api: NodeApi, { pattern, after, limit, only }: PageRequest): Promise<Page> {
  const records: ObjectRecord[] = [];
  let isPast = after === '';
  for await (const record of pattern === '' ? api.list() : api.search(pattern)) {
    if (!isPast) {
      isPast = record.root === after;
      continue;
    }
    if (only !== undefined && !only.has(record.root)) continue;
    if (records.length === limit) return { records, next: records.at(-1)?.root ?? '' };
    records.push(record);
  }
  if (!isPast) throw new PangeaError('NOT_FOUND', 'the object after which the page begins is gone: begin again');
  return { records, next: '' };
}

async function soulsPage(graph: GraphApi, { prefix, after, limit }: SoulsRequest): Promise<{ souls: string[]; next: string }> {
  const souls: string[] = [];
  for await (const soul of graph.souls(prefix, after)) {
    if (souls.length === limit) return { souls, next: souls.at(-1) ?? '' };
    souls.push(soul);
  }
  return { souls, next: '' };
}

/** A generator returns only after the item for which it waits: the signal ends that wait at once. */
function untilLeft<T>(open: (signal: AbortSignal) => AsyncIterable<T>): AsyncIterableIterator<T> {
  const left = new AbortController();
  const items = open(left.signal)[Symbol.asyncIterator]();
  return {
    next: () => items.next(),
    return: async () => {
      left.abort();
      await items.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  DoctorReport, FirewallView, GraphApi, NodeApi, NodeEvent, NodeEventKind, NodeStatus, ObjectRecord, PeerView, Plan, PutOptions, PutResult, RepairAction,
  RepairView, TrainOptions, TreeEntry,
} from '../../src/api/api.ts';
import { detectCapabilities } from '../../src/capabilities/capabilities.ts';
import { PangeaError } from '../../src/errors/errors.ts';
import { createFirewall } from '../../src/firewall/firewall.ts';
import { identityOfSeed } from '../../src/identity/identity.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import { graphOff } from '../../src/node/graph-off.ts';
import { MemoryMixed, type MixedNeighbour } from './memory-mixed.ts';

type Kept = PutResult & { readonly content: Uint8Array; readonly tree?: readonly (TreeEntry & { readonly held?: Uint8Array })[] };

/** The node's interface over a map: keeps what is put, gives it back, and can be told to break in the middle. */
export class MemoryNode implements NodeApi, MixedNeighbour {
  readonly label: number;
  readonly peerId: PeerId;
  readonly mixed: MemoryMixed;
  graph: GraphApi = graphOff;
  readonly #objects = new Map<string, Kept>();
  readonly #neighbours: MemoryNode[] = [];
  readonly #listeners = new Set<{ readonly kinds: readonly NodeEventKind[]; readonly listener: (event: NodeEvent) => void }>();
  readonly #firewall = createFirewall();
  #repair: RepairView = { paused: false, objectsHeld: 0, objectsUnderRepair: 0, shardsRestored: 0, last: undefined };
  /** Makes `status` fail as a bug would. */
  failStatus = false;
  /** A get fails with CORRUPT after this many bytes. */
  failAfterBytes = Infinity;
  chunkBytes = 1024 * 1024;
  /** Signals of the calls, so that tests see aborts arrive. */
  readonly signals: AbortSignal[] = [];

  constructor(label = 1) {
    this.label = label;
    this.peerId = identityOfSeed(new Uint8Array(32).fill(label)).peerId;
    this.mixed = new MemoryMixed({
      label, put: (content, options) => this.put(content, options), get: (root) => this.get(root),
      find: (wanted) => this.#neighbours.find((node) => node.label === wanted), neighbours: () => this.#neighbours,
    }, this.peerId);
  }

  /** From now on the two know each other, and messages pass between them. */
  meet(other: MemoryNode): void {
    this.#neighbours.push(other);
    other.#neighbours.push(this);
  }

  emit(event: NodeEvent): void {
    for (const { kinds, listener } of this.#listeners) if (kinds.includes(event.kind)) listener(event);
  }

  get listening(): number {
    return this.#listeners.size;
  }

  view(): PeerView {
    return {
      peer: this.peerId, label: this.label, status: 'active', latencyMs: 1, jitterMs: 0, packetLoss: 0, threatScore: 0, health: 0.9, lastSeenMs: 1,
      connected: true, quicAddresses: [`127.0.0.1:${9000 + this.label}`], multiaddrs: [], storing: true, freeBytes: 2 ** 30, failureDomain: this.peerId,
      version: '1.0.0', ambiguousLabel: false, path: 'direct',
    };
  }

  async put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult> {
    if (options.signal) this.signals.push(options.signal);
    if (options.name === 'refused') throw new PangeaError('NOT_ENOUGH_PEERS', 'nobody is there', { data: { peers: 0 } });
    if (options.dictionary === 'unknown') {
      await sleep(20);
      throw new PangeaError('NOT_FOUND', 'no such dictionary');
    }
    const bytes = await collect(content);
    if (options.expectedBytes !== undefined && options.expectedBytes !== bytes.length) throw new PangeaError('PROTOCOL', 'another length than announced');
    return this.#keep(options, { bytes: bytes.length, kind: 'file' }, { content: bytes });
  }

  async putTree(entries: AsyncIterable<TreeEntry>, options: PutOptions): Promise<PutResult> {
    const tree: (TreeEntry & { held?: Uint8Array })[] = [];
    for await (const { content, ...entry } of entries) tree.push(content === undefined ? entry : { ...entry, held: await collect(content) });
    return this.#keep(options, { bytes: tree.reduce((sum, entry) => sum + entry.bytes, 0), kind: 'directory' }, { content: new Uint8Array(0), tree });
  }

  async trainDictionary(samples: AsyncIterable<TreeEntry>, { bytes, ...options }: TrainOptions): Promise<PutResult> {
    const parts: Uint8Array[] = [];
    for await (const { content } of samples) parts.push(content === undefined ? new Uint8Array(0) : await collect(content));
    const content = Buffer.concat(parts).subarray(0, bytes);
    return this.#keep(options, { bytes: content.length, kind: 'file' }, { content });
  }

  async get(reference: string, { offset = 0, length, signal }: { offset?: number; length?: number; signal?: AbortSignal } = {}) {
    if (signal) this.signals.push(signal);
    const { name, kind, mediaType, content } = this.#find(reference);
    const part = content.subarray(offset, length === undefined ? undefined : offset + length);
    const { chunkBytes, failAfterBytes } = this;
    // One buffer for all chunks, as the contract allows: a receiver that keeps a chunk sees it overwritten.
    const buffer = new Uint8Array(chunkBytes);
    return {
      name, kind, mediaType, bytes: part.length,
      content: (async function* () {
        for (let at = 0; at < part.length; at += chunkBytes) {
          if (at >= failAfterBytes) throw new PangeaError('CORRUPT', 'stripe 3 does not authenticate', { data: { stripe: 3 } });
          const piece = part.subarray(at, at + chunkBytes);
          buffer.set(piece);
          yield buffer.subarray(0, piece.length);
        }
      })(),
    };
  }

  async getTree(reference: string) {
    const { name, tree = [] } = this.#find(reference);
    return {
      name,
      entries: (async function* () {
        for (const { held, ...entry } of tree) yield held === undefined ? entry : { ...entry, content: (async function* () { yield held; })() };
      })(),
    };
  }

  async *list(): AsyncGenerator<ObjectRecord> {
    for (const kept of this.#objects.values()) yield recordOf(kept);
  }

  async *search(pattern: string): AsyncGenerator<ObjectRecord> {
    for await (const record of this.list()) if (record.name.includes(pattern)) yield record;
  }

  async info(reference: string) {
    const kept = this.#find(reference);
    return { ...recordOf(kept), storedBytes: kept.storedBytes, stripes: 1, mode: 'whole' as const, holders: [], shardsPresent: 12, shardsTotal: 12, survivesFailures: 4 };
  }

  async remove(reference: string) {
    const { root, name, bytes } = this.#find(reference);
    this.#objects.delete(root);
    this.emit({ kind: 'object', change: 'removed', root, name, bytes, atMs: Date.now() });
    return { root, confirmed: 12, holders: 12 };
  }

  async peers() { return this.#neighbours.map((node) => node.view()); }
  async connectPeer(address: string): Promise<{ peer: string }> {
    const found = this.#neighbours.find((node) => node.view().quicAddresses.includes(address));
    if (found === undefined) throw new PangeaError('PEER_UNREACHABLE', `${address} does not answer`);
    return { peer: found.peerId };
  }
  async revokePeer(): Promise<void> {}
  async invite({ uses }: { uses: number }) { return { ticket: `ticket for ${uses}` }; }

  async plan(): Promise<Plan> {
    return {
      capabilities: await detectCapabilities({ native: { ok: false, reason: 'not asked for' } }), stages: [],
      calibration: { source: 'none', detail: 'nothing is measured in memory', madeMs: 0, tookMs: 0, machine: '', ageMs: 0 }, notes: ['in memory'],
    };
  }

  async status(): Promise<NodeStatus> {
    if (this.failStatus) throw new TypeError('a bug in the node');
    const liveBytes = [...this.#objects.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      version: '1.0.0', nodeId: this.label, peerId: this.peerId, network: 'open', startedMs: 1, ready: true, parts: [],
      peers: { known: this.#neighbours.length, connected: this.#neighbours.length },
      store: { liveBytes, garbageBytes: 0, freeBytes: 2 ** 30, records: this.#objects.size },
      objects: { held: 0, catalogue: this.#objects.size, underRepair: 0 }, addresses: { quic: [], dht: [], http: '', rpc: '' },
      memoryBytes: process.memoryUsage.rss(), reachability: 'unknown',
    };
  }

  async metrics() {
    return `# HELP pangea_objects_catalogue Objects of the owner\n# TYPE pangea_objects_catalogue gauge\npangea_objects_catalogue ${this.#objects.size}\n`;
  }

  subscribe(kinds: readonly NodeEventKind[], listener: (event: NodeEvent) => void): () => void {
    const entry = { kinds, listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  async firewall(): Promise<FirewallView> {
    const { mode, allow } = this.#firewall;
    return { mode, allow, counters: this.#firewall.counters() };
  }

  async setFirewall(allow: readonly string[]): Promise<FirewallView> {
    this.#firewall.setAllow(allow);
    this.emit({ kind: 'firewall', change: 'rules', listener: '', address: '', count: allow.length, atMs: Date.now() });
    return this.firewall();
  }

  async repair() { return this.#repair; }

  async controlRepair(action: RepairAction): Promise<RepairView> {
    if (action !== 'runOnce') this.#repair = { ...this.#repair, paused: action === 'pause' };
    else {
      const last = { endedMs: Date.now(), objectsChecked: this.#objects.size, shardsRestored: 0, objectsBelowTarget: 0, objectsUnreadable: 0 };
      this.#repair = { ...this.#repair, last };
    }
    const change = action === 'runOnce' ? 'roundEnded' : action === 'pause' ? 'paused' : 'resumed';
    this.emit({ kind: 'repair', change, root: '', shards: 0, atMs: Date.now() });
    return this.#repair;
  }

  async doctor(): Promise<DoctorReport> {
    return { reachability: 'unknown', confirmed: [], checks: [{ check: 'clock', verdict: 'ok', detail: 'it runs', advice: '' }] };
  }

  #find(reference: string): Kept {
    const kept = this.#objects.get(reference) ?? [...this.#objects.values()].find(({ name, link }) => name === reference || link === reference);
    if (kept === undefined) throw new PangeaError('NOT_FOUND', 'no such object in the catalogue');
    return kept;
  }

  #keep(options: PutOptions, facts: { bytes: number; kind: 'file' | 'directory' }, held: Pick<Kept, 'content' | 'tree'>): PutResult {
    const root = createHash('sha256').update(options.name).update(held.content).digest('hex');
    const result: PutResult = {
      root, link: `pangea:1:${root.slice(0, 20)}`, name: options.name, ...facts, mediaType: options.mediaType ?? 'application/octet-stream', createdMs: 1,
      ack: { asked: options.ack ?? 'all', fsynced: 12, holders: 12 }, survivesFailures: 4, storedBytes: facts.bytes, seconds: 0,
      compression: { compressedBytes: facts.bytes, levels: { store: 1 }, ...(options.dictionary === undefined ? {} : { dictionary: options.dictionary }) },
    };
    this.#objects.set(root, { ...result, ...held });
    this.emit({ kind: 'object', change: 'put', root, name: options.name, bytes: facts.bytes, atMs: Date.now() });
    return result;
  }
}

function recordOf({ root, link, name, kind, bytes, mediaType, createdMs }: Kept): ObjectRecord {
  return { root, link, name, kind, bytes, mediaType, createdMs };
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return new Uint8Array(Buffer.concat(parts));
}

import { PangeaError } from '../../errors/errors.ts';
import { faultOf } from '../data/check.ts';
import { randomId } from '../data/random-id.ts';
import { createReplica } from '../replica/create.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { Answering } from './answering.ts';
import { Deadlines } from './deadlines.ts';
import { Guarding, type Refusal } from './guarding.ts';
import { Incoming } from './incoming.ts';
import { Interests } from './interests.ts';
import { Leaves } from './leaves.ts';
import { peerLimits, type PeerLimits } from './limits.ts';
import { Outbox } from './outbox.ts';
import { Questions } from './questions.ts';
import { Repair } from './repair.ts';
import { sendAgain } from './resend.ts';
import { SentMark } from './sent-mark.ts';
import type { Clock, Random } from '../../std/std.ts';
import type { GraphNode } from '../data/node.ts';
import type { Delta, Lex, Query } from '../data/types.ts';
import type { IncomingAck, Mesh, MeshHandler, MeshPeer } from '../dam/dam.ts';
import type { ReplicaLimits } from '../replica/limits.ts';
import type { Applied, Merge, Replica, Watcher } from '../replica/replica.ts';
import type { GraphStore } from '../storage/storage.ts';
import type { Asked, Author, GraphPeer, Guard, PutOptions, PutResult } from './peer.ts';
import type { ReconcilePorts, Reconciler } from './reconciler.ts';

export interface GraphPeerOptions {
  readonly store: GraphStore;
  readonly clock: Clock;
  readonly random: Random;
  /** What this peer calls itself; drawn when not given. */
  readonly pid?: string;
  readonly mesh: (handler: MeshHandler, pid: string) => Mesh;
  readonly guard?: Guard;
  /** Relays are dialled: what is put here is sent until one of those has acknowledged it. Without any, each relay that comes will do. */
  readonly upstream?: boolean;
  readonly reconcile?: (ports: ReconcilePorts) => Reconciler;
  readonly limits?: Partial<PeerLimits>;
  readonly replicaLimits?: Partial<ReplicaLimits>;
}

export function createGraphPeer(options: GraphPeerOptions): GraphPeer {
  return new Peer(options);
}

class Peer implements GraphPeer {
  readonly pid: string;
  readonly mesh: Mesh;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: PeerLimits;
  readonly #replica: Replica;
  readonly #durability: GraphStore['durability'];
  readonly #guarding: Guarding;
  readonly #localGuarding: Guarding;
  readonly #deadlines: Deadlines;
  readonly #acknowledgements: Acknowledgements;
  readonly #questions: Questions;
  readonly #interests = new Interests();
  readonly #leaves: Leaves;
  readonly #outbox: Outbox;
  readonly #incoming: Incoming;
  readonly #repair: Repair;
  readonly #reconciler: Reconciler | undefined;
  readonly #listeners = new Set<(change: 'hi' | 'bye', peer: MeshPeer) => void>();
  readonly #answering: Answering;
  readonly #mark: SentMark | undefined;
  #scanEnded = false;
  #author: Author | undefined;
  #upstream: boolean;

  constructor({ store, clock, random, pid, mesh, guard, upstream = false, reconcile, limits, replicaLimits }: GraphPeerOptions) {
    this.pid = pid ?? randomId(random);
    this.#clock = clock;
    this.#random = random;
    this.#limits = { ...peerLimits, ...limits };
    this.#durability = store.durability;
    this.#upstream = upstream;
    this.#outbox = new Outbox(this.#limits);
    this.#mark = store.durability === 'memory' ? undefined : new SentMark(store, clock, () => this.#scanEnded && this.#outbox.size === 0 && this.#outbox.dropped === 0);
    const scan = this.#mark && { ready: this.#mark.ready, found: (node: GraphNode) => this.#found(node), ended: () => this.#scanned() };
    this.#replica = createReplica({ store, clock, ...(replicaLimits && { limits: replicaLimits }), ...(scan && { scan }) });
    if (this.#mark) this.#replica.watchAll(() => this.#mark?.touch());
    this.#guarding = new Guarding(guard);
    this.#localGuarding = new Guarding(guard);
    this.#deadlines = new Deadlines(clock);
    this.#acknowledgements = new Acknowledgements(this.#limits, this.#deadlines);
    this.#questions = new Questions(this.#limits, this.#deadlines);
    this.#leaves = new Leaves(this.#limits);
    this.#repair = new Repair(this.#limits, this.#deadlines, this.#replica, () => this.mesh);
    this.#incoming = new Incoming({
      mesh: () => this.mesh,
      replica: this.#replica,
      guarding: this.#guarding,
      questions: this.#questions,
      leaves: this.#leaves,
      repair: this.#repair,
      limits: this.#limits,
      // Clients of gun.js take any `ok` for success, and need one: their nested puts wait for it.
      ok: store.durability === 'memory' ? { memory: 1 } : true,
    });
    this.#answering = new Answering({
      mesh: () => this.mesh, replica: this.#replica, questions: this.#questions, leaves: this.#leaves, limits: this.#limits,
    });
    this.mesh = mesh(this.#handler(), this.pid);
    this.#reconciler = reconcile?.({ replica: this.#replica, mesh: this.mesh, take: (deltas, from) => this.#take(deltas, from) });
  }

  nextState(): number {
    return this.#replica.nextState();
  }

  peek(soul: string): GraphNode | undefined {
    return this.#replica.peek(soul);
  }

  resident(soul: string): boolean {
    return this.#replica.resident(soul);
  }

  load(soul: string): Promise<GraphNode | undefined> {
    return this.#replica.load(soul);
  }

  range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    return this.#replica.range(soul, lex);
  }

  souls(lex?: Lex): AsyncIterable<string> {
    return this.#replica.souls(lex);
  }

  watch(soul: string, watcher: Watcher): () => void {
    return this.#replica.watch(soul, watcher);
  }

  watchAll(watcher: Watcher): () => void {
    return this.#replica.watchAll(watcher);
  }

  put(deltas: readonly Delta[], options: PutOptions = {}): Promise<PutResult> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        const err = error instanceof Error ? error.message : String(error);
        options.onAck?.({ from: 'local', stored: undefined, ok: undefined, err, message: undefined, lack: false });
        reject(error);
      };
      const guarded = (authored: readonly Delta[]): void => {
        for (const delta of authored) {
          const fault = faultOf(delta);
          if (fault !== undefined) return fail(new PangeaError('GRAPH_INVALID', `this cannot be in a graph: ${fault}`));
        }
        this.#localGuarding.check(authored, (passed) => {
          if ('err' in passed) fail(refused(passed));
          else this.#write(passed, options).then(resolve, fail);
        });
      };
      const authored = this.#author ? this.#author(deltas, options) : deltas;
      if (authored instanceof Promise) authored.then(guarded).catch(fail);
      else guarded(authored);
    });
  }

  async ask(query: Query, { waitMs = this.#limits.askMs }: { readonly waitMs?: number } = {}): Promise<Asked> {
    return this.#questions.ask(this.mesh, query, waitMs);
  }

  subscribe(query: Query): () => void {
    if (this.#interests.add(query)) this.mesh.get(query);
    let held = true;
    return () => {
      if (held) this.#interests.release(query);
      held = false;
    };
  }

  onPeer(listener: (change: 'hi' | 'bye', peer: MeshPeer) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setAuthor(author: Author | undefined): void {
    this.#author = author;
  }

  digest(): string | undefined {
    return this.#replica.digest()?.root;
  }

  stats(): ReturnType<GraphPeer['stats']> {
    return { replica: this.#replica.stats(), mesh: this.mesh.stats(), outbox: this.#outbox.size, subscriptions: this.#interests.size };
  }

  async close(): Promise<void> {
    this.#reconciler?.close();
    this.mesh.close();
    this.#questions.close();
    this.#deadlines.close();
    await this.#mark?.close().catch(() => {});
    await this.#replica.close();
  }

  #handler(): MeshHandler {
    return {
      busy: (peer) => this.#incoming.busy(peer),
      put: (message) => this.#incoming.put(message),
      get: (message) => this.#answering.get(message),
      ack: (message) => this.#acked(message),
      hi: (peer) => {
        this.#answering.hi(peer);
        this.#reconciler?.hi(peer);
        if (peer.dialled) this.#upstream = true;
        void this.#welcome(peer);
        for (const listener of this.#listeners) listener('hi', peer);
      },
      bye: (peer) => {
        this.#answering.bye(peer);
        this.#reconciler?.bye(peer);
        for (const listener of this.#listeners) listener('bye', peer);
      },
      extension: (verb, body, from) => this.#reconciler?.extension(verb, body, from),
    };
  }

  /** Past author and guard. The merge happens before this returns wherever the nodes are in memory. */
  async #write(deltas: readonly Delta[], options: PutOptions): Promise<PutResult> {
    const merge = this.#replica.merge(deltas, 'local');
    const applied = merge.now ?? (await merge.applied);
    this.#send(applied.accepted, options);
    for (const later of applied.later) void this.#sendLater(later, options);
    if (applied.refused > 0) throw new PangeaError('USAGE', 'the state of a field is too far in the future');
    await merge.stored;
    const stored = this.#durability;
    options.onAck?.({ from: 'local', stored, ok: true, err: undefined, message: undefined, lack: false });
    return { accepted: applied.accepted, stored };
  }

  #send(deltas: readonly Delta[], options: PutOptions): void {
    if (deltas.length === 0) return;
    const acks = options.onAck ? (options.acks ?? 1) : undefined;
    const { id } = this.mesh.put(deltas, acks === undefined ? {} : { acks });
    this.#outbox.add(id, deltas);
    this.#acknowledgements.expect(id, options);
  }

  async #sendLater(deferred: Promise<Merge>, options: PutOptions): Promise<void> {
    const applied = await (await deferred).applied.catch(() => undefined);
    if (applied) this.#send(applied.accepted, options);
  }

  #acked(message: IncomingAck): void {
    if (message.err === undefined && this.#isUpstream(message.from)) {
      this.#outbox.acknowledged(message.answers);
      this.#mark?.touch();
    }
    this.#acknowledgements.ack(message);
  }

  /** Anybody may come and say that he is a relay: his word must not keep a write from those that the operator named. */
  #isUpstream(peer: MeshPeer): boolean {
    return peer.relay && (peer.dialled || !this.#upstream);
  }

  async #welcome(peer: MeshPeer): Promise<void> {
    if (peer.relay) await this.#sendAgain(peer);
    await this.#interests.askAll({ mesh: this.mesh, peer, replica: this.#replica, clock: this.#clock, limits: this.#limits, repair: this.#repair });
    await this.#leaves.returned(peer, this.mesh, this.#replica, this.#clock);
  }

  /** A stored node, after a start. */
  #found(node: GraphNode): void {
    const afterMs = this.#mark?.afterMs ?? Number.POSITIVE_INFINITY;
    const keys = node.keys().filter((key) => node.state(key) > afterMs);
    if (keys.length > 0) this.#outbox.restore(node.soul, keys.length === node.size ? undefined : new Set(keys));
  }

  #scanned(): void {
    this.#scanEnded = true;
    const relay = this.mesh.peers().find((peer) => this.#isUpstream(peer));
    if (relay && this.#outbox.size > 0) void this.#sendAgain(relay);
  }

  #sendAgain(peer: MeshPeer): Promise<void> {
    return sendAgain({
      mesh: this.mesh, replica: this.#replica, outbox: this.#outbox, acknowledgements: this.#acknowledgements, clock: this.#clock, limits: this.#limits,
    }, peer);
  }

  /** For healing between nodes of ours. */
  #take(deltas: readonly Delta[], from: MeshPeer): Promise<Applied | undefined> {
    return new Promise((resolve, reject) => this.#guarding.check(deltas, (passed) => {
      if ('err' in passed) {
        this.mesh.fault(from, passed.violation);
        resolve(undefined);
        return;
      }
      const merge = this.#replica.merge(passed, 'peer');
      merge.applied.then((applied) => {
        if (applied.refused > 0) this.mesh.fault(from, 'state-future');
        const message = { id: randomId(this.#random), deltas: applied.accepted, answers: undefined, notFound: false, from };
        if (applied.accepted.length > 0) this.mesh.relay(message, applied.accepted);
        resolve(applied);
      }, reject);
    }, from.id));
  }
}

function refused({ err }: Refusal): PangeaError {
  return new PangeaError('DENIED', err);
}

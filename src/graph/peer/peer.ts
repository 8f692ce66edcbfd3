/**
 * A peer of the graph: the replica, the mesh and the rules of trust put together. The chain API, the node and
 * the examples see the graph through this contract only.
 *
 * Promises: a put is acknowledged with what was stored where; what was put while no peer could be reached, or was not
 * acknowledged, is sent when one comes (the outbox); every remote write passes the guard before it is merged, stored or
 * relayed; a message is taken whole or not at all.
 * Never: a signature on anything that this process did not write itself.
 */
import type { Delta, Lex, Query } from '../data/types.ts';
import type { GraphNode } from '../data/node.ts';
import type { Mesh, MeshPeer, MeshStats } from '../dam/dam.ts';
import type { ReplicaStats, Watcher } from '../replica/replica.ts';

/**
 * Passes a delta, or refuses it with a reason, e.g. `Unverified data.`. Synchronous wherever no signature is checked.
 * Local writes pass it too, after the author. `delta` is what is left of it when some of its fields are to be left out
 * without blame (souls that keep nothing old); it may have no field left.
 */
export type Guard = (delta: Delta) => GuardVerdict | Promise<GuardVerdict>;
export type GuardVerdict = { readonly ok: true; readonly delta?: Delta } | { readonly ok: false; readonly err: string; readonly violation: 'signature' | 'content-hash' | 'value' };

/** Turns fields that this process writes to a user's soul into signed ones; leaves others as they are. */
export type Author = (deltas: readonly Delta[], options: PutOptions) => readonly Delta[] | Promise<readonly Delta[]>;

export interface PutOptions {
  /** How many acknowledgements of peers are wished; default 1. */
  readonly acks?: number;
  /** GUN's `opt`: a certificate and the like, read by the author. */
  readonly opt?: Readonly<Record<string, unknown>>;
  /** Each acknowledgement as it comes: first the local one, then those of peers, at last `lack` when fewer came than wished. */
  onAck?(ack: PutAck): void;
  /** Default 9,000. */
  readonly lackMs?: number;
}

export interface PutAck {
  /** Who stored it: `local`, or the pid of a peer. */
  readonly from: string;
  /** What it survives there; for peers `disk` when they said `ok: true`. Undefined with an error. */
  readonly stored: 'memory' | 'disk' | 'remote' | undefined;
  readonly ok: unknown;
  readonly err: string | undefined;
  /** The message as it came from a peer. */
  readonly message: Readonly<Record<string, unknown>> | undefined;
  /** Nobody else will answer: fewer peers than wished did within `lackMs`. */
  readonly lack: boolean;
}

/** Resolves when stored locally, or fails with the reason for which nothing was written. */
export interface PutResult {
  readonly accepted: readonly Delta[];
  readonly stored: 'memory' | 'disk' | 'remote';
}

/** `answered`: data came. `absent`: every peer that was asked has nothing. `silent`: time was up, or nobody to ask. */
export type Asked = 'answered' | 'absent' | 'silent';

export interface GraphPeer {
  readonly pid: string;
  readonly mesh: Mesh;
  nextState(): number;
  peek(soul: string): GraphNode | undefined;
  resident(soul: string): boolean;
  load(soul: string): Promise<GraphNode | undefined>;
  range(soul: string, lex: Lex): Promise<GraphNode | undefined>;
  souls(lex?: Lex): AsyncIterable<string>;
  watch(soul: string, watcher: Watcher): () => void;
  watchAll(watcher: Watcher): () => void;
  /** Merges at once (see `Replica.merge`), stores, sends to peers. */
  put(deltas: readonly Delta[], options?: PutOptions): Promise<PutResult>;
  /** Asks the peers now. What comes is merged, so watchers hear it, before this resolves. */
  ask(query: Query, options?: { readonly waitMs?: number }): Promise<Asked>;
  /** Holds an interest: peers are asked now and whenever one comes, so that relays send changes. Returns the release. */
  subscribe(query: Query): () => void;
  onPeer(listener: (change: 'hi' | 'bye', peer: MeshPeer) => void): () => void;
  /** Set by a session that logs in (`sea/`); undefined takes it away. */
  setAuthor(author: Author | undefined): void;
  /** Of the whole graph: equal in two peers that hold the same. Undefined until it was built over the store. */
  digest(): string | undefined;
  stats(): { readonly replica: ReplicaStats; readonly mesh: MeshStats; readonly outbox: number; readonly subscriptions: number };
  close(): Promise<void>;
}

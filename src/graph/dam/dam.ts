/**
 * DAM, GUN's mesh protocol, without sockets: text frames in and out of wires, messages in and out of the graph.
 *
 * Promises: what gun.js says is understood and answered in its form (frames, batches, handshake, `><`, `@`, `##`);
 * a message id is handled once, for as long as `duplicateTtlMs` and within `duplicateLimit`; answers go back the way
 * the question came, and to nobody else. Every queue has a limit: a wire that does not drain is closed.
 * Never: an exception out of a frame, whatever it holds. What breaks a rule is counted and scored (`limits.ts`), not relayed.
 */
import type { Delta, Query } from '../data/types.ts';

/** One connection, as a transport gives it. */
export interface Wire {
  /** Where it leads to: a URL for a peer that was dialled, the remote address for one that came. */
  readonly name: string;
  readonly dialled: boolean;
  send(text: string): void;
  /** Bytes given to `send` that have not left. */
  buffered(): number;
  close(reason: string): void;
  /** Stops and starts the reading of it, where a transport can: the other side waits then instead of losing frames. */
  pause?(): void;
  resume?(): void;
}

/** How a transport tells of a wire that it attached. */
export interface WireSink {
  text(frame: string): void;
  /** Nothing of this wire is heard afterwards. */
  closed(): void;
}

export interface MeshPeer {
  /** Number of this connection in this process; never used again. */
  readonly id: number;
  /** What the other side calls itself (`pid`); empty until it said so. */
  readonly pid: string;
  readonly name: string;
  readonly dialled: boolean;
  /** A relay (gun.js with `super`, or a node of ours) gets all that is put; a leaf gets what it asked for. */
  readonly relay: boolean;
  /** It speaks the extensions of `schema/graph-dam.md`. */
  readonly pangea: boolean;
}

/** A `put` that came in, structure checked, deltas ready to merge. */
export interface IncomingPut {
  readonly id: string;
  readonly deltas: readonly Delta[];
  /** Set when this answers a `get` of ours or one that we relayed. */
  readonly answers: string | undefined;
  /** `put` was there but empty, or absent: the answer to a get that found nothing. */
  readonly notFound: boolean;
  /** Further pieces of the same answer follow. */
  readonly more?: boolean;
  readonly from: MeshPeer;
}

export interface IncomingGet {
  readonly id: string;
  readonly query: Query;
  /** Hash (`##`) of what the asker has already. */
  readonly known: number | undefined;
  readonly from: MeshPeer;
}

/** An answer to a put of ours: storage, or refusal. */
export interface IncomingAck {
  readonly answers: string;
  readonly ok: unknown;
  readonly err: string | undefined;
  readonly from: MeshPeer;
}

/** What the graph does with messages. */
export interface MeshHandler {
  /** Nothing more of this peer can be taken now: what came waits, unread, and this is asked again some milliseconds later. */
  busy?(peer: MeshPeer): boolean;
  put(message: IncomingPut): void;
  get(message: IncomingGet): void;
  ack(message: IncomingAck): void;
  /** The handshake is over. */
  hi(peer: MeshPeer): void;
  bye(peer: MeshPeer): void;
  /** A verb of `schema/graph-dam.md` from a peer that speaks them; the body is JSON as it came. */
  extension(verb: string, body: unknown, from: MeshPeer): void;
}

export interface Mesh {
  readonly pid: string;
  attach(wire: Wire): WireSink;
  /** A put of this node, to all relays and to who subscribed to its souls. Returns its id and to how many peers it was given. */
  put(deltas: readonly Delta[], options?: { readonly id?: string; readonly acks?: number; readonly to?: MeshPeer }): Sent;
  /**
   * Passes on a put that the guard let pass, under the rules of relaying (`><`, subscriptions), `accepted` only. To be called for
   * answers with data (`answers` set) even when nothing was accepted: who asked through us may lack what we have.
   */
  relay(message: IncomingPut, accepted: readonly Delta[]): number;
  /** A question of this node, to relays and whoever `to` names. */
  get(query: Query, options?: { readonly known?: number; readonly to?: MeshPeer }): Sent;
  /** Asks others on behalf of the asker; answers are routed back to it by the mesh. */
  relayGet(message: IncomingGet): number;
  /** The answer to a get: nodes with the fields asked for, in chunks as gun.js takes them; empty says not found. */
  answer(message: IncomingGet, nodes: readonly Delta[]): void;
  ack(id: string, to: MeshPeer, ok: unknown, err?: string): void;
  extension(verb: string, body: unknown, to: MeshPeer): void;
  /** A rule of the graph was broken by this peer (bad signature, state too far ahead …): counted and scored as those of the mesh. */
  fault(peer: MeshPeer, violation: Violation): void;
  peers(): readonly MeshPeer[];
  stats(): MeshStats;
  close(): void;
}

export interface Sent {
  readonly id: string;
  readonly peers: number;
}

/** Names of the rules that a peer can break; the same in metrics, events and documents. */
export type Violation =
  | 'message-size' | 'json' | 'depth' | 'structure' | 'nodes' | 'value' | 'state-future' | 'signature' | 'content-hash'
  | 'writes-rate' | 'messages-rate' | 'memory' | 'backlog' | 'connections';

export interface MeshStats {
  readonly peers: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly duplicates: number;
  readonly relayed: number;
  readonly violations: Readonly<Partial<Record<Violation, number>>>;
}

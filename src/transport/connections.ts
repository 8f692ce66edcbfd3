/**
 * Open connections of a transport that multiplexes requests, by number and by peer.
 *
 * Two peers that dial each other at once get two connections, and both work. From then on both sides use
 * the same one, the one that the smaller PeerId dialled, and the dialler of the other closes it once it is idle.
 */
import type { PeerId } from '../ids/ids.ts';

/** Within this time of each other two connections are a simultaneous dial; a later one replaces a lost one. */
const simultaneousMs = 5_000;

export interface ConnectionFacts {
  readonly id: number;
  readonly peer: PeerId;
  readonly remoteAddress: string;
  /** True when this side dialled. */
  readonly dialled: boolean;
  /** On the monotonic clock. */
  readonly openedAtMs: number;
}

export class Connection {
  readonly id: number;
  readonly peer: PeerId;
  readonly remoteAddress: string;
  readonly dialled: boolean;
  readonly openedAtMs: number;
  /** Both sides know who the other is, and want it. */
  greeted = false;
  /** On the dialling side: settles when it is known whether this connection is `greeted`. */
  greeting: Promise<void> | undefined;
  /** Own requests and requests of the peer that are under way. */
  active = 0;
  readonly #closed = Promise.withResolvers<void>();

  constructor(facts: ConnectionFacts) {
    this.id = facts.id;
    this.peer = facts.peer;
    this.remoteAddress = facts.remoteAddress;
    this.dialled = facts.dialled;
    this.openedAtMs = facts.openedAtMs;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  markClosed(): void {
    this.#closed.resolve();
  }
}

export class ConnectionTable {
  readonly #localPeer: PeerId;
  readonly #byId = new Map<number, Connection>();
  readonly #byPeer = new Map<PeerId, Connection[]>();

  constructor(localPeer: PeerId) {
    this.#localPeer = localPeer;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): Connection | undefined {
    return this.#byId.get(id);
  }

  all(): readonly Connection[] {
    return [...this.#byId.values()];
  }

  of(peer: PeerId): readonly Connection[] {
    return this.#byPeer.get(peer) ?? [];
  }

  /** The same number gives the same connection: its news and the result of its dial may come in either order. */
  enter(facts: ConnectionFacts): Connection {
    const known = this.#byId.get(facts.id);
    if (known !== undefined) return known;
    const connection = new Connection(facts);
    this.#byId.set(facts.id, connection);
    this.#byPeer.set(facts.peer, [...this.of(facts.peer), connection]);
    return connection;
  }

  remove(id: number): Connection | undefined {
    const connection = this.#byId.get(id);
    if (connection === undefined) return undefined;
    this.#byId.delete(id);
    const rest = this.of(connection.peer).filter((other) => other !== connection);
    if (rest.length > 0) this.#byPeer.set(connection.peer, rest);
    else this.#byPeer.delete(connection.peer);
    connection.markClosed();
    return connection;
  }

  greetedPeers(): PeerId[] {
    return [...this.#byPeer.keys()].filter((peer) => this.usable(peer) !== undefined);
  }

  /** The connection that carries the next request. */
  usable(peer: PeerId): Connection | undefined {
    let best: Connection | undefined;
    for (const connection of this.of(peer)) {
      if (connection.greeted && (best === undefined || this.#better(connection, best))) best = connection;
    }
    return best;
  }

  /** Connections of this side's making that another one has made needless. */
  surplus(peer: PeerId): readonly Connection[] {
    const best = this.usable(peer);
    return this.of(peer).filter((connection) => connection.greeted && connection.dialled && connection !== best);
  }

  /** The same on both sides: the smaller PeerId's dial of two at once; otherwise the newer, since the old one may be dead. */
  #better(a: Connection, b: Connection): boolean {
    const simultaneous = Math.abs(a.openedAtMs - b.openedAtMs) < simultaneousMs;
    if (simultaneous && a.dialled !== b.dialled) return a.dialled === this.#localPeer < a.peer;
    return a.id > b.id;
  }
}

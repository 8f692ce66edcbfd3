/**
 * A graph for programs and pages: store, guard, replica, mesh, wires and users put together, with the chain on top.
 * Runs in browsers; what needs Node comes in as an argument (`open-node.ts` gives it).
 */
import { systemClock, systemRandom, type Clock, type Random } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';
import { Chain, Core, type ChainOptions, type Path } from './chain/chain.ts';
import type { Value } from './data/types.ts';
import { createMesh } from './dam/create.ts';
import type { DamLimits } from './dam/limits.ts';
import { createGraphPeer, type GraphPeerOptions } from './peer/create.ts';
import type { PeerLimits } from './peer/limits.ts';
import type { GraphPeer } from './peer/peer.ts';
import type { ReplicaLimits } from './replica/limits.ts';
import { createGuard, createSea, createUser, plainPeer, Session, Verifier, type Sea, type SessionStore, type UserWords } from './sea/sea.ts';
import { MemoryStore } from './storage/memory.ts';
import type { GraphStore } from './storage/storage.ts';
import { browserSocket } from './wire/browser-socket.ts';
import { graphUrl, keepConnected, type Backoff, type GraphClient, type SocketFactory } from './wire/client.ts';

export interface OpenOptions extends ChainOptions {
  /** URLs of relays: `wss://host/gun`. */
  readonly peers?: readonly string[];
  /** Default: in memory only, so that what no relay has is gone with the page. */
  readonly store?: GraphStore;
  /** Close the store with the graph. Default false: it stays the caller's. */
  readonly closeStore?: boolean;
  /** Default: the WebSocket of browsers, which Node has too. */
  readonly socket?: SocketFactory;
  readonly backoff?: Partial<Backoff>;
  readonly pid?: string;
  /** Healing in bulk with other relays: `createReconciler`. Pages have no use for it. */
  readonly reconcile?: GraphPeerOptions['reconcile'];
  /** Pass on what others put; for programs that serve others. Default false. */
  readonly relay?: boolean;
  /** Without it there are no users, and nothing is checked that signatures protect. */
  readonly sea?: false | SeaChoice;
  readonly limits?: { readonly mesh?: Partial<DamLimits>; readonly peer?: Partial<PeerLimits>; readonly replica?: Partial<ReplicaLimits> };
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface SeaChoice {
  /** Where a login is kept, for `recall`. */
  readonly session?: SessionStore;
  /** Take only souls that somebody owns. */
  readonly secure?: boolean;
}

/** A peer with its wires. */
export interface Ground {
  readonly peer: GraphPeer;
  readonly clock: Clock;
  readonly random: Random;
  readonly verifier: Verifier;
  /** One wire a URL; the same URL again gives the same wire. */
  connect(url: string): GraphClient;
  close(): Promise<void>;
}

/** The parts under the chain: a peer, and who uses it. */
export interface Assembled extends Ground {
  /** The peer as the chain reads it: users' fields without their signatures. */
  readonly plain: GraphPeer;
  readonly chain: ChainOptions;
  readonly session: Session | undefined;
  readonly sea: Sea | undefined;
}

/** The longest that a timer of JavaScript takes. */
const longestSleepMs = 2 ** 31 - 1;

/** Throws `ADDRESS_INVALID` for a peer that is no URL. */
export function openGround(options: OpenOptions = {}): Ground {
  const { clock = systemClock, random = systemRandom, peers = [], socket = browserSocket, relay = false, limits = {}, backoff } = options;
  const choice = options.sea ?? {};
  const verifier = new Verifier();
  const guard = choice && createGuard({ clock, verifier, lookup: (soul, key) => lookUp(peer, soul, key), ...(choice.secure ? { secure: true } : {}) });
  const store = options.store ?? new MemoryStore();
  const peer: GraphPeer = createGraphPeer({
    store, clock, random, upstream: peers.length > 0,
    ...(options.pid === undefined ? {} : { pid: options.pid }),
    ...(guard ? { guard } : {}),
    ...(options.reconcile ? { reconcile: options.reconcile } : {}),
    ...(limits.peer ? { limits: limits.peer } : {}),
    ...(limits.replica ? { replicaLimits: limits.replica } : {}),
    mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay, ...(limits.mesh ? { limits: limits.mesh } : {}) }),
  });
  const clients = new Map<string, GraphClient>();
  const open = new AbortController();
  const ground: Ground = {
    peer, clock, random, verifier,
    connect: (url) => {
      const known = clients.get(graphUrl(url));
      if (known && known.state !== 'closed') return known;
      const client = keepConnected(url, peer.mesh, { clock, random, socket, ...(backoff ? { backoff } : {}) });
      // A program that waits for a relay to come back must not end meanwhile, when nothing else holds the process.
      if (clients.size === 0) clock.sleep(longestSleepMs, open.signal).catch(() => {});
      clients.set(client.url, client);
      return client;
    },
    close: async () => {
      open.abort();
      for (const client of clients.values()) client.close();
      await peer.close().finally(() => (options.closeStore ? store.close() : undefined));
    },
  };
  try {
    for (const url of peers) ground.connect(url);
  } catch (error) {
    void ground.close();
    throw error;
  }
  return ground;
}

/** Puts users over a peer. */
export function assemble(ground: Ground, options: OpenOptions = {}): Assembled {
  const { peer, clock, verifier } = ground;
  const { expectsPeers = (options.peers ?? []).length > 0, sea: choice = {} } = options;
  if (!choice) return { ...ground, plain: peer, chain: { ...options, expectsPeers }, session: undefined, sea: undefined };
  const session = new Session({ peer, clock, verifier, expectsPeers, lookup: (soul, key) => lookUp(peer, soul, key), ...(choice.session ? { store: choice.session } : {}) });
  return { ...ground, plain: plainPeer(peer), chain: { ...options, expectsPeers, owner: () => session.soul }, session, sea: createSea() };
}

/** For lists of the blocked: as far as they are known here. */
async function lookUp(peer: GraphPeer, soul: string, key: string): Promise<Value | undefined> {
  return (await peer.load(soul))?.value(key);
}

/** The root of a graph: all words of a chain, and those that concern the whole. */
export class Graph<Schema = any> extends Chain<Schema> {
  readonly #parts: Assembled;
  #user: (Chain & UserWords) | undefined;

  readonly #core: Core;

  constructor(core: Core, parts: Assembled) {
    super(core, undefined);
    this.#core = core;
    this.#parts = parts;
  }

  get peer(): GraphPeer {
    return this.#parts.peer;
  }

  /** Signatures, encryption, certificates in GUN's call forms. Fails with NOT_SUPPORTED where users were left out. */
  get sea(): Sea {
    return this.#parts.sea ?? withoutUsers();
  }

  /** The session of whoever is logged in, with promises and reasons in place of GUN's callbacks. */
  get session(): Session {
    return this.#parts.session ?? withoutUsers();
  }

  /** Without a key: whoever logs in here, with GUN's words. With one: the node of that user. */
  user(): Chain & UserWords;
  user(pub: string): Chain;
  user(pub?: string): Chain {
    if (pub !== undefined) return (this as Chain).get(`~${pub}`);
    return (this.#user ??= createUser<Chain>({ root: this as Chain, session: this.session, sea: this.sea }));
  }

  /** Another relay, from now on. Throws `ADDRESS_INVALID`. */
  connect(url: string): GraphClient {
    return this.#parts.connect(url);
  }

  /** Ends all listeners and wires; resolves when what was put is stored. */
  async close(): Promise<void> {
    this.off();
    await this.#core.unread();
    await this.#parts.close();
  }
}

/** Throws `ADDRESS_INVALID` for a peer that is no URL. */
export function openGraph<Schema = any>(options: OpenOptions = {}): Graph<Schema> {
  const parts = assemble(openGround(options), options);
  const core: Core = new Core(parts.plain, parts.clock, parts.random, (path: Path | undefined) => (path ? new Chain(core, path) : root), parts.chain);
  const root = new Graph<Schema>(core, parts);
  return root;
}

function withoutUsers(): never {
  throw new PangeaError('NOT_SUPPORTED', 'this graph was opened without SEA, so it has no users');
}

import { checkGraph } from '../data/check.ts';
import type { Query } from '../data/types.ts';
import type { GraphPeer } from '../peer/peer.ts';
import { nodeData, type ChainPeer, type NodeData } from '../chain/chain.ts';

/** Souls that are remembered; the oldest make room. */
const soulsSeen = 100_000;

/**
 * `gun._.graph`: the nodes that a program put or asked for, with those fields that it put or asked for, as they are stored.
 * It is a view for programs that look under GUN's hood; the graph itself is the peer's.
 */
export class SeenGraph {
  readonly #peer: GraphPeer;
  /** Keys by soul; `true` for whole nodes. */
  readonly #seen = new Map<string, Set<string> | true>();
  readonly view: Record<string, NodeData | undefined>;

  constructor(peer: GraphPeer) {
    this.#peer = peer;
    this.view = new Proxy<Record<string, NodeData | undefined>>(Object.create(null) as Record<string, NodeData>, {
      get: (_, soul) => (typeof soul === 'string' ? this.#node(soul) : undefined),
      has: (_, soul) => typeof soul === 'string' && this.#node(soul) !== undefined,
      ownKeys: () => [...this.#seen.keys()].filter((soul) => this.#node(soul)),
      getOwnPropertyDescriptor: (_, soul) => {
        const value = typeof soul === 'string' ? this.#node(soul) : undefined;
        return value && { value, enumerable: true, configurable: true, writable: true };
      },
      set: (_, soul, node) => typeof soul === 'string' && this.#put(soul, node),
    });
  }

  /** The peer, with what passes through it remembered. */
  over(peer: ChainPeer): ChainPeer {
    const seen = (query: Query): void => {
      if (typeof query.soul === 'string') this.#add(query.soul, typeof query.key === 'string' ? [query.key] : undefined);
    };
    return {
      mesh: peer.mesh,
      nextState: () => peer.nextState(),
      peek: (soul) => peer.peek(soul),
      resident: (soul) => peer.resident(soul),
      load: (soul) => peer.load(soul),
      range: (soul, lex) => peer.range(soul, lex),
      souls: (lex) => peer.souls(lex),
      watch: (soul, watcher) => peer.watch(soul, watcher),
      watchAll: (watcher) => peer.watchAll(watcher),
      put: (deltas, options) => {
        for (const { soul, fields } of deltas) this.#add(soul, fields.map(({ key }) => key));
        return peer.put(deltas, options);
      },
      ask: (query, options) => {
        seen(query);
        return peer.ask(query, options);
      },
      subscribe: (query) => {
        seen(query);
        return peer.subscribe(query);
      },
      onPeer: (listener) => peer.onPeer(listener),
    };
  }

  #add(soul: string, keys: readonly string[] | undefined): void {
    const before = this.#seen.get(soul);
    if (before === true) return;
    if (keys === undefined) this.#seen.set(soul, true);
    else if (before) for (const key of keys) before.add(key);
    else this.#seen.set(soul, new Set(keys));
    if (this.#seen.size > soulsSeen) for (const [oldest] of this.#seen) return void this.#seen.delete(oldest);
  }

  #node(soul: string): NodeData | undefined {
    const keys = this.#seen.get(soul);
    const node = keys && this.#peer.peek(soul);
    if (!keys || !node) return undefined;
    const fields = [...node.fields()].filter(({ key }) => keys === true || keys.has(key));
    return fields.length > 0 ? nodeData(soul, fields) : undefined;
  }

  /** What cannot be stored is left out, as GUN leaves out what it cannot read. */
  #put(soul: string, node: unknown): boolean {
    const checked = checkGraph({ [soul]: node });
    if (!checked.ok) return true;
    this.#add(soul, undefined);
    this.#peer.put(checked.deltas).catch(() => undefined);
    return true;
  }
}

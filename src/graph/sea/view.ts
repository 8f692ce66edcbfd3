import { GraphNode } from '../data/node.ts';
import type { Delta, Field, Value } from '../data/types.ts';
import type { GraphPeer } from '../peer/peer.ts';
import type { Watcher } from '../replica/replica.ts';
import { ownerOf, plainValue } from './packed.ts';

/**
 * The peer as readers see it: fields of users' nodes without their signatures, everything else as it is. The chain reads
 * through this; replica, mesh and stores know only the signed text, which is what other peers check.
 */
export function plainPeer(peer: GraphPeer): GraphPeer {
  const nodes = new WeakMap<GraphNode, PlainNode>();
  const plain = (node: GraphNode | undefined): GraphNode | undefined => {
    if (!node || ownerOf(node.soul) === undefined) return node;
    const known = nodes.get(node);
    if (known) return known;
    const made = new PlainNode(node);
    nodes.set(node, made);
    return made;
  };
  const heard = (watcher: Watcher): Watcher => (change) => {
    if (ownerOf(change.soul) === undefined) return watcher(change);
    watcher({ ...change, fields: change.fields.map((field) => plainField(change.soul, field)), node: plain(change.node) ?? change.node });
  };
  return {
    pid: peer.pid,
    mesh: peer.mesh,
    nextState: () => peer.nextState(),
    peek: (soul) => plain(peer.peek(soul)),
    resident: (soul) => peer.resident(soul),
    load: async (soul) => plain(await peer.load(soul)),
    range: async (soul, lex) => plain(await peer.range(soul, lex)),
    souls: (lex) => peer.souls(lex),
    watch: (soul, watcher) => peer.watch(soul, heard(watcher)),
    watchAll: (watcher) => peer.watchAll(heard(watcher)),
    put: (deltas, options) => peer.put(deltas, options),
    ask: (query, options) => peer.ask(query, options),
    subscribe: (query) => peer.subscribe(query),
    onPeer: (listener) => peer.onPeer(listener),
    setAuthor: (author) => peer.setAuthor(author),
    digest: () => peer.digest(),
    stats: () => peer.stats(),
    close: () => peer.close(),
  };
}

function plainField(soul: string, { key, value, state }: Field): Field {
  return { key, value: plainValue(soul, key, value, state), state };
}

/** Looks through to the signed node; each text is read once, for as long as it stands there. */
class PlainNode extends GraphNode {
  readonly #signed: GraphNode;
  readonly #read = new Map<string, { readonly text: Value; readonly value: Value }>();

  constructor(signed: GraphNode) {
    super(signed.soul);
    this.#signed = signed;
  }

  override get size(): number {
    return this.#signed.size;
  }

  override has(key: string): boolean {
    return this.#signed.has(key);
  }

  override state(key: string): number {
    return this.#signed.state(key);
  }

  override keys(): readonly string[] {
    return this.#signed.keys();
  }

  override value(key: string): Value | undefined {
    const text = this.#signed.value(key);
    return text === undefined ? undefined : this.#plain(key, text, this.#signed.state(key));
  }

  override field(key: string): Field | undefined {
    const field = this.#signed.field(key);
    return field && { key, value: this.#plain(key, field.value, field.state), state: field.state };
  }

  override *fields(): IterableIterator<Field> {
    for (const { key, value, state } of this.#signed.fields()) yield { key, value: this.#plain(key, value, state), state };
  }

  override toDelta(): Delta {
    return { soul: this.soul, fields: [...this.fields()] };
  }

  #plain(key: string, text: Value, state: number): Value {
    if (typeof text !== 'string') return text;
    const known = this.#read.get(key);
    if (known?.text === text) return known.value;
    const value = plainValue(this.soul, key, text, state);
    this.#read.set(key, { text, value });
    return value;
  }
}

import type { Field } from '../data/types.ts';
import type { GraphPeer } from '../peer/peer.ts';
import type { NodeChange } from '../replica/replica.ts';
import type { Scope } from './scope.ts';

export type NodeListener = (fields: readonly Field[]) => void;
export type FieldListener = (field: Field) => void;

/** A listener with the number of the last change before it began to listen. */
type Born<Listener> = Map<Listener, number>;

interface Entry {
  readonly nodes: Born<NodeListener>;
  readonly fields: Map<string, Born<FieldListener>>;
  readonly release: () => void;
}

/**
 * One watch of the peer for each soul, however many listeners of the chain it has, so that a thousand listeners to a
 * thousand fields of one node cost one look-up a change.
 *
 * Listeners run after the merge that made the change, never inside it: at the end of `after` for what this program
 * puts, else in a microtask. A listener therefore sees all nodes of a message, and may put. Who begins to listen while
 * changes wait to be handed out does not hear of those: what it reads at its beginning holds them already.
 */
export class Hub {
  readonly #peer: Pick<GraphPeer, 'watch'>;
  readonly #entries = new Map<string, Entry>();
  #queue: NodeChange[] = [];
  /** Changes heard, and handed out. */
  #heard = 0;
  #handed = 0;
  #scheduled = false;
  #running = false;

  constructor(peer: Pick<GraphPeer, 'watch'>) {
    this.#peer = peer;
  }

  node(soul: string, scope: Scope, listener: NodeListener): void {
    const entry = this.#entry(soul);
    entry.nodes.set(listener, this.#heard);
    scope.onClose(() => {
      entry.nodes.delete(listener);
      this.#drop(soul, entry);
    });
  }

  field(soul: string, key: string, scope: Scope, listener: FieldListener): void {
    const entry = this.#entry(soul);
    const listeners: Born<FieldListener> = entry.fields.get(key) ?? new Map();
    entry.fields.set(key, listeners.set(listener, this.#heard));
    scope.onClose(() => {
      listeners.delete(listener);
      if (listeners.size === 0 && entry.fields.get(key) === listeners) entry.fields.delete(key);
      this.#drop(soul, entry);
    });
  }

  /**
   * Runs what writes or calls the program, and hands out what changed before it returns. Within one such turn changes wait
   * for its end, so that a listener is never called inside another.
   */
  turn<T>(run: () => T): T {
    if (this.#running) return run();
    this.#running = true;
    try {
      return run();
    } finally {
      this.#running = false;
      this.#flush();
    }
  }

  #entry(soul: string): Entry {
    const known = this.#entries.get(soul);
    if (known) return known;
    const release = this.#peer.watch(soul, (change) => this.#hear(change));
    const entry: Entry = { nodes: new Map(), fields: new Map(), release };
    this.#entries.set(soul, entry);
    return entry;
  }

  #drop(soul: string, entry: Entry): void {
    if (entry.nodes.size > 0 || entry.fields.size > 0 || this.#entries.get(soul) !== entry) return;
    this.#entries.delete(soul);
    entry.release();
  }

  #hear(change: NodeChange): void {
    this.#queue.push(change);
    this.#heard++;
    if (this.#scheduled || this.#running) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#running) return;
    this.#running = true;
    while (this.#queue.length > 0) {
      const changes = this.#queue;
      this.#queue = [];
      for (const change of changes) this.#hand(change, ++this.#handed);
    }
    this.#running = false;
  }

  #hand({ soul, fields }: NodeChange, number: number): void {
    const entry = this.#entries.get(soul);
    if (!entry) return;
    if (entry.fields.size > 0) {
      for (const field of fields) {
        for (const [listener, born] of entry.fields.get(field.key) ?? []) if (born < number) listener(field);
      }
    }
    for (const [listener, born] of entry.nodes) if (born < number) listener(fields);
  }
}

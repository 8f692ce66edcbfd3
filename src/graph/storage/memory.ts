/** The store without a place: for tests, browsers, and relays that keep nothing. */
import { PangeaError } from '../../errors/errors.ts';
import { GraphNode } from '../data/node.ts';
import type { Delta, Lex } from '../data/types.ts';
import { mergeInto } from './merge.ts';
import { inOrder, isReverse, RangeAnswer, spanOf, valueBytes, within } from './select.ts';
import type { GraphStore } from './storage.ts';

/** Nodes of more fields keep the order of their keys from one range to the next. */
const orderedFrom = 64;

export class MemoryStore implements GraphStore {
  readonly name = 'memory';
  readonly durability = 'memory';
  readonly #nodes = new Map<string, GraphNode>();
  readonly #orders = new Map<string, string[]>();
  #writes = 0;
  #fields = 0;
  #bytes = 0;
  #closed = false;

  peek(soul: string): GraphNode | undefined {
    return this.#nodes.get(soul);
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    this.#alive();
    return souls.map((soul) => {
      const node = this.#nodes.get(soul);
      return node && GraphNode.from(node.toDelta());
    });
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    this.#alive();
    const node = this.#nodes.get(soul);
    if (!node) return undefined;
    const keys = within(this.#ordered(soul, node), spanOf(lex));
    const answer = new RangeAnswer(soul, lex);
    const reverse = isReverse(lex);
    for (let at = 0; at < keys.length; at++) {
      const field = node.field(keys[reverse ? keys.length - 1 - at : at] as string);
      if (field && !answer.offer(field)) break;
    }
    return answer.result();
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    this.#alive();
    for (const soul of inOrder(this.#nodes.keys(), lex)) {
      this.#alive();
      yield soul;
    }
  }

  async write(deltas: readonly Delta[]): Promise<void> {
    this.#alive();
    for (const delta of deltas) {
      const { soul, fields } = delta;
      const node = this.#nodes.get(soul);
      if (node) {
        const size = node.size;
        this.#fields += mergeInto(node, fields);
        if (node.size > size) this.#orders.delete(soul);
      } else {
        const made = GraphNode.from(delta);
        this.#nodes.set(soul, made);
        this.#fields += made.size;
      }
      for (const { key, value } of fields) this.#bytes += key.length + valueBytes(value);
    }
    this.#writes++;
  }

  stats(): { readonly writes: number; readonly fields: number; readonly bytes: number } {
    return { writes: this.#writes, fields: this.#fields, bytes: this.#bytes };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #ordered(soul: string, node: GraphNode): readonly string[] {
    const known = this.#orders.get(soul);
    if (known) return known;
    const keys = inOrder(node.keys(), undefined);
    if (keys.length >= orderedFrom) this.#orders.set(soul, keys);
    return keys;
  }

  #alive(): void {
    if (this.#closed) throw new PangeaError('STORE_CLOSED', 'the graph store is closed');
  }
}

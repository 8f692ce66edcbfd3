/** The store without a place: for tests, browsers, and relays that keep nothing. */
import { PangeaError } from '../../errors/errors.ts';
import { GraphNode } from '../data/node.ts';
import type { Delta, Lex } from '../data/types.ts';
import { mergeInto } from './merge.ts';
import { OrderedTexts } from './ordered.ts';
import { isReverse, rangeOf, selects, spanOf, valueBytes, within } from './select.ts';
import type { GraphStore } from './storage.ts';

export class MemoryStore implements GraphStore {
  readonly name = 'memory';
  readonly durability = 'memory';
  readonly #nodes = new Map<string, GraphNode>();
  /** From the first time that they are asked for in order. */
  #order: OrderedTexts | undefined;
  /** Souls that are not in it. */
  #fresh: string[] = [];
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
    return rangeOf(node, lex);
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    this.#alive();
    const souls = within(this.#ordered(), spanOf(lex));
    const reverse = isReverse(lex);
    for (let at = 0; at < souls.length; at++) {
      const soul = souls[reverse ? souls.length - 1 - at : at] as string;
      if (!selects(lex, soul)) continue;
      this.#alive();
      yield soul;
    }
  }

  async write(deltas: readonly Delta[]): Promise<void> {
    this.#alive();
    for (const delta of deltas) {
      const { soul, fields } = delta;
      const node = this.#nodes.get(soul);
      if (node) this.#fields += mergeInto(node, fields);
      else {
        const made = GraphNode.from(delta);
        this.#nodes.set(soul, made);
        if (this.#order) this.#fresh.push(soul);
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

  #ordered(): readonly string[] {
    if (!this.#order) {
      this.#order = new OrderedTexts();
      return this.#order.with([...this.#nodes.keys()]);
    }
    const fresh = this.#fresh;
    this.#fresh = [];
    return this.#order.with(fresh);
  }

  #alive(): void {
    if (this.#closed) throw new PangeaError('STORE_CLOSED', 'the graph store is closed');
  }
}

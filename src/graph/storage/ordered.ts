/** Texts in byte order, kept: to sort the hundred thousand keys of a node anew for each question would stop the process for every asker. */
import type { GraphNode } from '../data/node.ts';
import { compareBytes } from './order.ts';

/** Fewer are sorted when they are asked for. */
const keptFrom = 64;
/** So many new ones are put in one by one; more are sorted and merged. */
const singly = 16;

const orders = new WeakMap<GraphNode, OrderedTexts>();

/** The keys of a node in order. Not to be changed, nor kept while the node changes. */
export function orderedKeys(node: GraphNode): readonly string[] {
  if (node.size < keptFrom) return sortTexts([...node.keys()]);
  let order = orders.get(node);
  if (!order) orders.set(node, (order = new OrderedTexts()));
  // Keys are never taken out, and new ones stand behind the others.
  return order.with(node.keys().slice(order.size));
}

/** A list that only grows. */
export class OrderedTexts {
  #texts: string[] = [];

  get size(): number {
    return this.#texts.length;
  }

  /** All texts once `added`, which were not there, are among them. */
  with(added: readonly string[]): readonly string[] {
    if (added.length > singly) this.#texts = merged(this.#texts, sortTexts([...added]));
    else for (const text of added) this.#texts.splice(placeOf(this.#texts, text), 0, text);
    return this.#texts;
  }
}

/** Sorts in place by bytes. Below the surrogates that is the order of UTF-16 units, which the runtime sorts by several times as fast. */
export function sortTexts(texts: string[]): string[] {
  return texts.some((text) => /[\ud800-\uffff]/.test(text)) ? texts.sort(compareBytes) : texts.sort();
}

function merged(one: readonly string[], other: readonly string[]): string[] {
  if (one.length === 0) return [...other];
  const all: string[] = [];
  let at = 0;
  for (const text of one) {
    while (at < other.length && compareBytes(other[at] as string, text) < 0) all.push(other[at++] as string);
    all.push(text);
  }
  while (at < other.length) all.push(other[at++] as string);
  return all;
}

function placeOf(texts: readonly string[], text: string): number {
  let low = 0;
  let high = texts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(texts[middle] as string, text) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

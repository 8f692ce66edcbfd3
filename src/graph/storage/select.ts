/** What a lex selects: a span of the order of bytes that surely holds all of it, the exact question, and the budget. */
import { matches } from '../data/lex.ts';
import { GraphNode } from '../data/node.ts';
import type { Field, Lex, Value } from '../data/types.ts';
import { compareBytes, utf8Length } from './order.ts';
import { orderedKeys } from './ordered.ts';

/** Texts from `from`, up to and including all that begin with `through`; no end when that is undefined. */
export interface Span {
  readonly from: string;
  readonly through: string | undefined;
}

/**
 * A superset of what matches. GUN compares UTF-16 units and stores compare bytes, so that a bound is cut before its first
 * unit where the two differ; `>` is also a prefix in GUN, even beyond `<`.
 */
export function spanOf(lex: Lex | undefined): Span {
  const start = lex?.['='] ?? lex?.['*'];
  if (start !== undefined) return { from: comparable(start), through: comparable(start) };
  const from = comparable(lex?.['>'] ?? '');
  if (lex?.['<'] === undefined) return { from, through: undefined };
  const to = comparable(lex['<']);
  return { from, through: lex['>'] !== undefined && (to.startsWith(from) || from > to) ? from : to };
}

/** The part of texts in byte order that lies in a span. */
export function within(ordered: readonly string[], { from, through }: Span): readonly string[] {
  const first = firstThat(ordered, (text) => compareBytes(text, from) >= 0);
  const end = through === undefined ? ordered.length : firstThat(ordered, (text) => compareBytes(text, through) > 0 && !text.startsWith(through));
  return ordered.slice(first, end);
}

/** A lex without a condition selects all. */
export function selects(lex: Lex | undefined, text: string): boolean {
  return lex === undefined || isUnconditional(lex) || matches(text, lex);
}

/** The part that a lex takes of a node that is at hand. */
export function rangeOf(node: GraphNode, lex: Lex): GraphNode | undefined {
  const keys = within(orderedKeys(node), spanOf(lex));
  const answer = new RangeAnswer(node.soul, lex);
  const reverse = isReverse(lex);
  for (let at = 0; at < keys.length; at++) {
    const field = node.field(keys[reverse ? keys.length - 1 - at : at] as string);
    if (field && !answer.offer(field)) break;
  }
  return answer.result();
}

export function isReverse(lex: Lex | undefined): boolean {
  return Boolean(lex?.['-']);
}

/** Gathers the fields of a range until the lex's budget is spent; at least one is taken. */
export class RangeAnswer {
  readonly #node: GraphNode;
  readonly #lex: Lex;
  #left: number;
  #full = false;

  constructor(soul: string, lex: Lex) {
    this.#node = new GraphNode(soul);
    this.#lex = lex;
    this.#left = lex['%'] ?? Number.POSITIVE_INFINITY;
  }

  /** In order of the answer. False when no more is wanted. */
  offer({ key, value, state }: Field): boolean {
    if (this.#full) return false;
    if (!selects(this.#lex, key)) return true;
    const cost = utf8Length(key) + valueBytes(value);
    if (this.#node.size > 0 && cost > this.#left) return !(this.#full = true);
    this.#node.set(key, value, state);
    this.#left -= cost;
    this.#full = this.#left <= 0;
    return !this.#full;
  }

  /** Undefined when nothing matched. */
  result(): GraphNode | undefined {
    return this.#node.size > 0 ? this.#node : undefined;
  }
}

function isUnconditional(lex: Lex): boolean {
  return lex['='] === undefined && lex['*'] === undefined && lex['>'] === undefined && lex['<'] === undefined;
}

function comparable(text: string): string {
  const differs = text.search(/[\ud800-\uffff]/);
  return differs < 0 ? text : text.slice(0, differs);
}

/** What a value counts against a budget: the bytes of its text or of its soul, eight for a number, one for the rest. */
export function valueBytes(value: Value): number {
  if (typeof value === 'string') return utf8Length(value);
  if (typeof value === 'number') return 8;
  return value !== null && typeof value === 'object' ? utf8Length(value['#']) : 1;
}

/** Where the texts begin for which `holds`, which it does for all behind the first. */
function firstThat(ordered: readonly string[], holds: (text: string) => boolean): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(ordered[middle] as string)) high = middle;
    else low = middle + 1;
  }
  return low;
}

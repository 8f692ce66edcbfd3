/** Parts of nodes and of the list of souls, page by page. */
import type { GraphNodeView, GraphRange } from '../api/api.ts';
import { compareText, graphLimits, spanOf, type Field, type GraphPeer } from '../graph/graph.ts';

/** Bytes that are read of a node at once. */
const readBytes = 1024 * 1024;
/** No field takes more. */
const largestFieldBytes = 3 * (graphLimits.keyChars + Math.max(graphLimits.valueChars, graphLimits.soulChars)) + 8;

/** Undefined when there is no such field. */
export async function readRange(peer: GraphPeer, soul: string, range: GraphRange): Promise<GraphNodeView | undefined> {
  const { key, limit } = range;
  const fields: Field[] = [];
  if (limit === undefined) {
    const node = await (key === undefined ? peer.load(soul) : peer.range(soul, { '=': key }));
    if (node !== undefined) fields.push(...inOrder(node.fields()).filter((field) => placeOf(field.key, range) === 'in'));
    return fields.length === 0 ? undefined : { soul, fields };
  }
  let chars = 0;
  const found = peer.resident(soul) ? firstFields(peer.peek(soul)?.fields() ?? [], range, limit.fields + 1) : fieldsFrom(peer, soul, startOf(range));
  for await (const field of found) {
    const place = placeOf(field.key, range);
    if (place === 'before') continue;
    if (place === 'behind') break;
    chars += charsOf(field);
    if (fields.length > 0 && (fields.length === limit.fields || chars > limit.chars)) return { soul, fields, more: true };
    fields.push(field);
  }
  return fields.length === 0 ? undefined : { soul, fields };
}

/** The first so many of a range. A node of 100,000 fields is not put in order as a whole for each of its pages. */
function firstFields(fields: Iterable<Field>, range: GraphRange, most: number): Field[] {
  const first: Field[] = [];
  let last: string | undefined;
  for (const field of fields) {
    if ((last !== undefined && compareText(field.key, last) > 0) || placeOf(field.key, range) !== 'in') continue;
    first.push(field);
    if (first.length < 2 * most) continue;
    first.splice(0, first.length, ...inOrder(first).slice(0, most));
    last = first.at(-1)?.key;
  }
  return inOrder(first).slice(0, most);
}

/** Every field from about `start` on, in order, without all of the node in memory. */
async function* fieldsFrom(peer: GraphPeer, soul: string, start: string): AsyncGenerator<Field> {
  let last: string | undefined;
  let budget = readBytes;
  let read = 0;
  for (;;) {
    const node = await peer.range(soul, { '>': spanStart(last ?? start), '%': budget });
    const found = node === undefined ? [] : inOrder(node.fields());
    const news = found.filter(({ key }) => last === undefined || compareText(key, last) > 0);
    yield* news;
    last = news.at(-1)?.key ?? last;
    if (news.length > 0) [budget, read] = [readBytes, 0];
    // An answer begins with what is known already. When one with room for another field brings none, there is none.
    else if (found.length === read) return;
    else [budget, read] = [found.reduce((sum, field) => sum + 3 * charsOf(field) + 8, largestFieldBytes), found.length];
  }
}

/** In byte order, those after `after`. */
export async function* soulsAfter(peer: GraphPeer, prefix: string, after: string): AsyncGenerator<string> {
  if (compareText(after, prefix) <= 0 && (after === '' || after !== prefix)) return yield* peer.souls(prefix === '' ? undefined : { '*': prefix });
  for await (const soul of peer.souls({ '>': spanStart(after) })) {
    if (compareText(soul, after) <= 0) continue;
    if (!soul.startsWith(prefix)) return;
    yield soul;
  }
}

function placeOf(text: string, { key, prefix = '', from = '', to, after }: GraphRange): 'before' | 'in' | 'behind' {
  if (key !== undefined) return order(compareText(text, key));
  if (compareText(text, from) < 0 || (after !== undefined && compareText(text, after) <= 0)) return 'before';
  if (!text.startsWith(prefix)) return compareText(text, prefix) < 0 ? 'before' : 'behind';
  return to !== undefined && compareText(text, to) > 0 ? 'behind' : 'in';
}

const order = (difference: number): 'before' | 'in' | 'behind' => (difference < 0 ? 'before' : difference === 0 ? 'in' : 'behind');

function startOf({ key, prefix = '', from = '', after = '' }: GraphRange): string {
  return key ?? [prefix, from, after].reduce((one, other) => (compareText(one, other) < 0 ? other : one));
}

/** GUN compares UTF-16 units, everybody else bytes: from here on is everything that either of them takes for later. */
function spanStart(text: string): string {
  return spanOf({ '>': text }).from;
}

function charsOf({ key, value }: Field): number {
  if (typeof value === 'string') return key.length + value.length;
  return key.length + (typeof value === 'object' && value !== null ? value['#'].length : 8);
}

function inOrder(fields: Iterable<Field>): Field[] {
  return [...fields].sort((a, b) => compareText(a.key, b.key));
}

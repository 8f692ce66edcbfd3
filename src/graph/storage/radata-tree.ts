/**
 * Chunks of GUN's `radata`: a radix tree over soul, ESC and key, as JSON or in the text form from before 2021. Parsed from bytes
 * that anybody may have written: what is no field is counted, and nothing throws but for a chunk that is none at all.
 */
import { parseJson } from '../../std/std.ts';
import type { Value } from '../data/types.ts';
import { isValue } from '../data/value.ts';

/** Between soul and key. */
export const esc = '\u001b';
/** Between the parts of the text form. */
const unit = '\u001f';
/** Longer ones than any that GUN writes are damage: a tree of a few megabytes can spell out terabytes of paths. */
const longestPath = 1 << 20;
/** Levels of the tree: no more than letters in the longest soul that GUN's own users name. */
const deepestTree = 2_000;

export interface RadataField {
  readonly soul: string;
  readonly key: string;
  readonly value: Value;
  readonly state: number;
  /** A name in it had become `undefined`, and which one it was is certain. */
  readonly repaired: boolean;
}

/** A path and what is wrong with it. */
export interface RadataProblem {
  readonly path: string;
  readonly why: string;
}

export function isProblem(entry: RadataField | RadataProblem): entry is RadataProblem {
  return 'why' in entry;
}

/** In the order of the chunk. Throws a SyntaxError for text that is no chunk. */
export function readChunk(text: string): Iterable<RadataField | RadataProblem> {
  return text.startsWith('{') ? fromTree(treeOf(text)) : fromText(text);
}

/** Names in it are full of escapes, which `JSON.parse` of V8 mistakes now and then. */
function treeOf(text: string): Tree {
  const parsed = parseJson(text, deepestTree);
  if (!parsed) throw new SyntaxError(`more than ${deepestTree} levels`);
  return parsed.value as Tree;
}

type Tree = { readonly [label: string]: unknown };

function* fromTree(tree: Tree): Iterable<RadataField | RadataProblem> {
  for (const { path, leaf, why } of leaves(tree)) yield why === undefined ? fieldOf(path, leaf) : { path, why };
}

interface Leaf {
  readonly path: string;
  readonly leaf?: unknown;
  readonly why?: string;
}

/** Without recursion, since a hostile tree is as deep as it likes. */
function* leaves(root: Tree): Iterable<Leaf> {
  const open: { readonly path: string; readonly tree: Tree; readonly labels: string[] }[] = [{ path: '', tree: root, labels: labelsOf(root) }];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const label = top.labels.pop();
    if (label === undefined) {
      open.pop();
      continue;
    }
    const below = top.tree[label];
    const path = top.path + label;
    if (label === '') yield { path, leaf: below };
    // GUN's radix tree writes a leaf under this label when one key is the beginning of another, and never finds it again.
    else if (label === 'undefined') yield { path, why: 'a label that GUN writes by mistake' };
    else if (typeof below !== 'object' || below === null || Array.isArray(below)) yield { path, why: 'no branch' };
    else if (path.length > longestPath) yield { path: path.slice(0, 100), why: 'too long' };
    else open.push({ path, tree: below as Tree, labels: labelsOf(below as Tree) });
  }
}

function labelsOf(tree: Tree): string[] {
  return Object.keys(tree).reverse();
}

function fieldOf(path: string, leaf: unknown): RadataField | RadataProblem {
  const at = path.indexOf(esc);
  if (at < 0 || at !== path.lastIndexOf(esc)) return { path, why: 'no soul and key' };
  const { value, state, repaired } = typeof leaf === 'string' ? fromLeafText(leaf) : fromLeaf(leaf);
  if (!isValue(value)) return { path, why: 'no value' };
  if (typeof state !== 'number' || !Number.isFinite(state)) return { path, why: 'no state' };
  return { soul: path.slice(0, at), key: path.slice(at + 1), value, state, repaired };
}

interface Content {
  readonly value: unknown;
  readonly state: unknown;
  readonly repaired: boolean;
}

/**
 * GUN parses its chunks in slices, and now and then takes the name at the end of a slice for `undefined`; at the next write that
 * stands on the disk. Of three names in a leaf (`:`, `>`, and `#` of a link) the one that is missing is the one.
 */
function fromLeaf(leaf: unknown): Content {
  if (typeof leaf !== 'object' || leaf === null) return { value: undefined, state: undefined, repaired: false };
  const { ':': value, '>': state, undefined: lost } = leaf as Record<string, unknown>;
  const soul = typeof value === 'object' && value !== null && Object.keys(value).length === 1 ? (value as Record<string, unknown>)['undefined'] : undefined;
  if (soul !== undefined) return { value: { '#': soul }, state: state ?? lost, repaired: true };
  if (lost === undefined || Object.keys(leaf).length !== 2) return { value, state, repaired: false };
  return state === undefined ? { value, state: lost, repaired: true } : { value: lost, state, repaired: true };
}

/** Before there were leaves of JSON: value, `>` and state, each between ESC. */
function fromLeafText(text: string): Content {
  const at = text.lastIndexOf('>');
  return { value: decode(text.slice(0, Math.max(at, 0)), 0, esc)?.value, state: decode(text, at + 1, esc)?.value, repaired: false };
}

/** Lines of depth, `#` and label, and `:` and content where the path ends. */
function* fromText(text: string): Iterable<RadataField | RadataProblem> {
  const path: string[] = [];
  let token = tokenAt(text, 0);
  if (token?.value !== 0) throw new SyntaxError('neither JSON nor the older form of a chunk');
  while (token !== undefined) {
    const depth: unknown = token.value;
    const label = tokenAt(text, token.end);
    if (label?.mark !== '#' || typeof label.value !== 'string' || typeof depth !== 'number' || !(depth >= 0 && depth <= path.length)) {
      yield { path: path.join('').slice(0, 100), why: 'a line without depth or label' };
      return;
    }
    path.splice(depth, path.length, label.value);
    token = tokenAt(text, label.end);
    if (token?.mark !== ':' && token?.mark !== '=') continue;
    const whole = path.join('');
    yield whole.length > longestPath ? { path: whole.slice(0, 100), why: 'too long' } : fieldOf(whole, token.value);
    token = tokenAt(text, token.end);
  }
}

interface Token {
  /** What stands before it: `#`, `:`, or the end of the line before. */
  readonly mark: string;
  readonly value: unknown;
  readonly end: number;
}

function tokenAt(text: string, from: number): Token | undefined {
  const start = text.indexOf(unit, from);
  const token = start < 0 ? undefined : decode(text, start, unit);
  return token && { mark: text.slice(from, start), ...token };
}

/** As many separators as the content holds and one more, the kind, the content, a separator. */
function decode(text: string, from: number, separator: string): { readonly value: unknown; readonly end: number } | undefined {
  let start = from;
  while (text[start] === separator) start++;
  const inside = start - from;
  if (inside === 0) return undefined;
  let end = start;
  for (let left = inside; left > 0; left--) {
    end = text.indexOf(separator, left === inside ? start : end + 1);
    if (end < 0) end = text.length;
  }
  return { value: contentOf(text[start], text.slice(start + 1, end)), end: end + 1 };
}

function contentOf(kind: string | undefined, content: string): unknown {
  if (kind === '"') return content;
  if (kind === '#') return { '#': content };
  if (kind === '+') return content === '' ? true : Number.parseFloat(content);
  if (kind === ' ') return null;
  return kind === '-' ? false : undefined;
}

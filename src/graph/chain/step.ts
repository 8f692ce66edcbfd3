import { matches } from '../data/lex.ts';
import type { Lex } from '../data/types.ts';

/** A function given to `map`: undefined leaves an item out, the item itself lets it pass, anything else takes its place. */
export type MapFunction = (this: unknown, data: unknown, key: string) => unknown;

/** One word of a chain. */
export type Step =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'lex'; readonly lex: Lex }
  | { readonly kind: 'map'; readonly lex: Lex | undefined; readonly fn: MapFunction | undefined }
  | { readonly kind: 'once'; readonly waitMs: number | undefined };

/** All words from the root on. The root itself has none. */
export interface Path {
  readonly parent: Path | undefined;
  readonly step: Step;
}

export function steps(path: Path | undefined): readonly Step[] {
  const all: Step[] = [];
  for (let at = path; at; at = at.parent) all.push(at.step);
  return all.reverse();
}

/** The keys of a path that leads to one place; undefined when it leads to many. */
export function keysOf(path: Path | undefined): string[] | undefined {
  const keys: string[] = [];
  for (const step of steps(path)) {
    if (step.kind === 'key') keys.push(step.key);
    else if (step.kind !== 'once') return undefined;
  }
  return keys;
}

/** The soul a path begins with; empty for the root and for ranges of souls. */
export function rootKey(path: Path | undefined): string {
  let at = path;
  while (at?.parent) at = at.parent;
  return at?.step.kind === 'key' ? at.step.key : '';
}

/** Does `path` begin with all the words of `prefix`? */
export function startsWith(path: Path | undefined, prefix: Path | undefined): boolean {
  const words = steps(path);
  return steps(prefix).every((step, at) => {
    const word = words[at];
    return word !== undefined && sameStep(step, word);
  });
}

function sameStep(a: Step, b: Step): boolean {
  if (a.kind === 'key') return b.kind === 'key' && a.key === b.key;
  if (a.kind === 'lex') return b.kind === 'lex' && sameLex(a.lex, b.lex);
  if (a.kind === 'map') return b.kind === 'map' && a.fn === b.fn && sameLex(a.lex, b.lex);
  return b.kind === 'once';
}

function sameLex(a: Lex | undefined, b: Lex | undefined): boolean {
  if (!a || !b) return a === b;
  return (['=', '*', '>', '<', '-', '%'] as const).every((condition) => a[condition] === b[condition]);
}

/** Does this lex name conditions on the text? One of only `%` or `-` takes every text. */
function narrows(lex: Lex): boolean {
  return lex['='] !== undefined || lex['*'] !== undefined || lex['>'] !== undefined || lex['<'] !== undefined;
}

export function takes(key: string, lex: Lex | undefined): boolean {
  return !lex || !narrows(lex) || matches(key, lex);
}

/**
 * A lex in the forms in which GUN's programs write it: `{'.': {'*': 'a'}, '%': 50000}`, `{'#': {'*': 'user/'}}`, `{'*': 'a'}`.
 * A text under `.` or `#` is a key, given as `=`. Undefined for what is none.
 */
export function readLex(x: unknown): Lex | undefined {
  if (typeof x !== 'object' || x === null || Array.isArray(x)) return undefined;
  const outer = x as Readonly<Record<string, unknown>>;
  const nested = outer['.'] ?? outer['#'];
  const inner = typeof nested === 'string' ? { '=': nested } : typeof nested === 'object' && nested !== null ? (nested as Record<string, unknown>) : outer;
  const lex: Record<string, string | number> = {};
  for (const condition of ['=', '*', '>', '<'] as const) if (typeof inner[condition] === 'string') lex[condition] = inner[condition];
  if (inner['-'] || outer['-']) lex['-'] = 1;
  const bytes = inner['%'] ?? outer['%'];
  if (typeof bytes === 'number' && bytes > 0) lex['%'] = bytes;
  return Object.keys(lex).length > 0 ? (lex as Lex) : undefined;
}

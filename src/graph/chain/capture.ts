import { PangeaError } from '../../errors/errors.ts';
import type { Scalar } from '../data/types.ts';
import { linkSoul } from '../data/value.ts';
import { graphLimits, isShort } from '../data/check.ts';

/** Data given to `put`, checked and copied: what the program does to its objects afterwards changes nothing. */
export type Captured =
  | { readonly kind: 'scalar'; readonly value: Scalar }
  | { readonly kind: 'link'; readonly soul: string }
  /** A chain: the node it leads to. */
  | { readonly kind: 'chain'; readonly chain: object }
  | CapturedNode;

export interface CapturedNode {
  readonly kind: 'node';
  /** As `_: {'#'}` names it. */
  readonly soul: string | undefined;
  readonly entries: { readonly key: string; readonly value: Captured }[];
}

interface Job {
  readonly source: object;
  readonly into: CapturedNode;
  readonly path: string;
}

/**
 * Throws GUN's words for data that cannot be stored, with the path to it. Circular objects and those that occur twice are
 * captured once. `path` is that of the chain.
 */
export function capture(data: unknown, path: string, isChain: (x: object) => boolean): Captured {
  const known = new Map<object, CapturedNode>();
  const jobs: Job[] = [];
  const take = (value: unknown, at: string): Captured => {
    if (value === null || typeof value === 'boolean') return { kind: 'scalar', value };
    if (typeof value === 'string') {
      if (!isShort(value, graphLimits.valueChars)) throw invalid(`Text of ${value.length} characters`, at);
      return { kind: 'scalar', value };
    }
    // JSON has no -0.
    if (typeof value === 'number' && Number.isFinite(value)) return { kind: 'scalar', value: value + 0 };
    if (typeof value !== 'object') throw invalid(typeof value, at);
    if (isChain(value)) return { kind: 'chain', chain: value };
    const soul = linkSoul(value);
    if (soul !== undefined) return { kind: 'link', soul: checkSoul(soul) };
    const before = known.get(value);
    if (before) return before;
    if (!isPlain(value)) throw invalid(nameOf(value), at);
    const node: CapturedNode = { kind: 'node', soul: soulOf(value), entries: [] };
    known.set(value, node);
    jobs.push({ source: value, into: node, path: at });
    return node;
  };
  const root = take(data, path);
  for (let job = jobs.pop(); job; job = jobs.pop()) {
    for (const key of Object.keys(job.source)) {
      if (key === '_') continue;
      checkKey(key, job.path);
      job.into.entries.push({ key, value: take((job.source as Record<string, unknown>)[key], job.path === '' ? key : `${job.path}.${key}`) });
    }
  }
  return root;
}

export function checkKey(key: string, path: string): void {
  if (key === '') throw new PangeaError('GRAPH_INVALID', `0 length key! at ${path || 'the root'}`);
  if (key === '__proto__' || key.length > graphLimits.keyChars) throw new PangeaError('GRAPH_INVALID', `Invalid key at ${path || 'the root'}!`);
}

/** What other peers refuse is refused here, where the program hears of it: see `checkGraph`. */
export function checkSoul(soul: string): string {
  if (soul.length > graphLimits.soulChars) throw new PangeaError('GRAPH_INVALID', `Invalid data: a soul of ${soul.length} characters!`);
  if (Object.hasOwn(Object.prototype, soul)) throw new PangeaError('GRAPH_INVALID', `Invalid data: the soul ${soul}!`);
  return soul;
}

function invalid(what: string, path: string): PangeaError {
  return new PangeaError('GRAPH_INVALID', `Invalid data: ${what} at ${path || 'the root'}!`);
}

/** Instances of a program's classes are objects like others, as GUN takes them; those of the language (Date, Map, bytes) are not. */
function isPlain(x: object): boolean {
  return !Array.isArray(x) && Object.prototype.toString.call(x) === '[object Object]';
}

function nameOf(x: object): string {
  const name: unknown = x.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'object';
}

function soulOf(x: object): string | undefined {
  const meta: unknown = Object.hasOwn(x, '_') ? (x as { _: unknown })._ : undefined;
  if (typeof meta !== 'object' || meta === null) return undefined;
  const soul: unknown = (meta as { '#'?: unknown })['#'];
  return typeof soul === 'string' && soul !== '' ? soul : undefined;
}

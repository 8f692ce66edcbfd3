import { localSoul } from './local-soul.ts';
import { linkSoul } from './value.ts';
import type { Delta, Field, Value } from './types.ts';

/** `\\u0000` for one unit. */
const longestEscape = 6;

/** What one put may hold. Lengths in UTF-16 units, those of values as JSON writes them. */
export interface GraphLimits {
  readonly nodesPerPut: number;
  readonly fieldsPerNode: number;
  readonly soulChars: number;
  readonly keyChars: number;
  readonly valueChars: number;
}

export const graphLimits: GraphLimits = {
  nodesPerPut: 10_000,
  fieldsPerNode: 100_000,
  soulChars: 4_096,
  keyChars: 4_096,
  // A frame of the mesh holds 4 Mi characters, and quotes and escapes take some of them. Larger values belong into an object store.
  valueChars: 3 * 1024 * 1024,
};

/** The rule that a graph broke, by the names of `dam/dam.ts`. */
export type GraphFault = 'nodes' | 'structure' | 'value';

export type CheckedGraph =
  | { readonly ok: true; readonly deltas: Delta[] }
  | { readonly ok: false; readonly violation: GraphFault; readonly detail: string };

/**
 * The only way from the `put` of a message to deltas. All of it is looked at before anything of it counts, so one bad
 * field refuses the whole message. Nodes without fields are legal and fall away. Never throws on what `JSON.parse` gives.
 *
 * Refused although they are text like any other: souls that are names of `Object.prototype` and the key `__proto__`,
 * because gun.js keeps its graph in plain objects and such a write would change every object of its process.
 */
export function checkGraph(put: unknown, limits: GraphLimits = graphLimits): CheckedGraph {
  if (!isRecord(put)) return refuse('structure', 'put is not an object');
  const souls = Object.keys(put);
  if (souls.length > limits.nodesPerPut) return refuse('nodes', `more than ${limits.nodesPerPut} nodes`);
  const deltas: Delta[] = [];
  for (const soul of souls) {
    const fault = faultOfSoul(soul, limits);
    if (fault !== undefined) return refuse('structure', fault);
    const checked = checkNode(soul, put[soul], limits);
    if ('ok' in checked) return checked;
    if (checked.length > 0) deltas.push({ soul, fields: checked });
  }
  return { ok: true, deltas };
}

/**
 * The same rules for what this process writes itself: what it keeps and others refuse would keep them apart for ever. Says
 * what is wrong, undefined when nothing is.
 */
export function faultOf({ soul, fields }: Delta, limits: GraphLimits = graphLimits): string | undefined {
  const fault = faultOfSoul(soul, limits);
  if (fault !== undefined) return fault;
  for (const { key, value, state } of fields) {
    if (key === '_' || !isKey(key, limits)) return 'name of a key';
    if (!Number.isFinite(state)) return 'state of a field';
    if (checkValue(value, limits) === undefined) return 'value of a field';
  }
  return undefined;
}

/** A text that JSON, with its escapes, does not make too long for a frame: whoever gets it must be able to pass it on. */
export function isShort(text: string, limit: number): boolean {
  return text.length * longestEscape <= limit || (text.length <= limit && JSON.stringify(text).length - 2 <= limit);
}

function faultOfSoul(soul: string, limits: GraphLimits): string | undefined {
  if (soul === '' || soul.length > limits.soulChars) return 'length of a soul';
  return soul === localSoul || Object.hasOwn(Object.prototype, soul) ? `soul ${soul}` : undefined;
}

function isKey(key: string, limits: GraphLimits): boolean {
  return key !== '' && key.length <= limits.keyChars && key !== '__proto__';
}

function checkNode(soul: string, node: unknown, limits: GraphLimits): Field[] | Extract<CheckedGraph, { ok: false }> {
  if (!isRecord(node)) return refuse('structure', 'no node');
  const meta = Object.hasOwn(node, '_') ? node['_'] : undefined;
  if (!isRecord(meta) || meta['#'] !== soul) return refuse('structure', 'soul not the same');
  const states = meta['>'];
  if (!isRecord(states)) return refuse('structure', 'no states');
  const keys = Object.keys(node);
  if (keys.length - 1 > limits.fieldsPerNode) return refuse('nodes', `more than ${limits.fieldsPerNode} fields`);
  const fields: Field[] = [];
  for (const key of keys) {
    if (key === '_') continue;
    if (!isKey(key, limits)) return refuse('structure', 'name of a key');
    const state = states[key];
    if (typeof state !== 'number' || !Number.isFinite(state)) return refuse('structure', 'state of a field');
    const value = checkValue(node[key], limits);
    if (value === undefined) return refuse('value', 'value of a field');
    // Adding zero turns -0, which JSON cannot carry on, into 0.
    fields.push({ key, value, state: state + 0 });
  }
  return fields;
}

function checkValue(value: unknown, limits: GraphLimits): Value | undefined {
  switch (typeof value) {
    case 'string':
      return isShort(value, limits.valueChars) ? value : undefined;
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value + 0 : undefined;
    default: {
      if (value === null) return null;
      const soul = linkSoul(value);
      return soul !== undefined && soul.length <= limits.soulChars ? (value as Value) : undefined;
    }
  }
}

function isRecord(x: unknown): x is Record<string, unknown> {
  return typeof x === 'object' && x !== null && !Array.isArray(x);
}

function refuse(violation: GraphFault, detail: string): Extract<CheckedGraph, { ok: false }> {
  return { ok: false, violation, detail };
}

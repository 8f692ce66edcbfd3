import type { GraphNode } from '../data/node.ts';
import type { Field, Lex, Link, Scalar } from '../data/types.ts';
import type { Path } from './step.ts';

/** A field by the soul of its node. */
export interface Place {
  readonly soul: string;
  readonly key: string;
}

interface Common {
  /** Last key of the way here, as callbacks get it. */
  readonly key: string;
  /** Which item of a chain of many this is: its keys under each `map`, empty in a chain of one. */
  readonly id: string;
  /** The field that led here; undefined for a node taken by its soul. */
  readonly place: Place | undefined;
  /** Another node was here, or above, before: what hung on that one is cut off. */
  readonly moved: boolean;
}

/** What a chain leads to at one moment. */
export type Position =
  | (Common & { readonly kind: 'root'; readonly lex: Lex | undefined })
  | (Common & { readonly kind: 'node'; readonly soul: string; readonly lex: Lex | undefined; readonly frozen: GraphNode | undefined })
  /** A scalar, or whatever a function given to `map` put in its place. */
  | (Common & { readonly kind: 'value'; readonly value: unknown })
  | (Common & { readonly kind: 'nothing' });

export const rootPosition: Position = { kind: 'root', lex: undefined, key: '', id: '', place: undefined, moved: false };

/** The shortest chain that leads here and stays with the node or field, whichever way it was found. */
export function pathTo(position: Position): Path | undefined {
  if (position.kind === 'root') return undefined;
  const { place } = position;
  const soul = place ? place.soul : position.kind === 'node' ? position.soul : position.key;
  const node: Path = { parent: undefined, step: { kind: 'key', key: soul } };
  return place ? { parent: node, step: { kind: 'key', key: place.key } } : node;
}

/** A node as callbacks get it: a copy of its own, with soul and states under `_`. */
export interface NodeData {
  _: { '#': string; '>': Record<string, number> };
  [key: string]: Scalar | Link | NodeData['_'] | undefined;
}

export function nodeData(soul: string, fields: Iterable<Field>): NodeData {
  const states: Record<string, number> = {};
  const data: Record<string, unknown> = { _: { '#': soul, '>': states } };
  for (const { key, value, state } of fields) {
    // A link is frozen by nobody, so each reader gets its own.
    define(data, key, typeof value === 'object' && value !== null ? { '#': value['#'] } : value);
    define(states, key, state);
  }
  return data as NodeData;
}

/** A key called `__proto__` must stay a key. */
export function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

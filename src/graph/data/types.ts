/**
 * The words of the graph, as GUN uses them.
 *
 * A node is found by its soul and holds fields; a field is a key with a value and the state (a time in
 * milliseconds since 1970, with fractions) at which it was written. A value is a scalar or a link to a soul.
 */
export type Scalar = string | number | boolean | null;

export interface Link {
  readonly '#': string;
}

export type Value = Scalar | Link;

export interface Field {
  readonly key: string;
  readonly value: Value;
  /** Milliseconds since 1970, finite; fractions order writes of one millisecond. */
  readonly state: number;
}

/** Fields of one node, as they were written together. Checked: `data/check.ts` is the only way from remote bytes to here. */
export interface Delta {
  readonly soul: string;
  /** At least one, no key twice. */
  readonly fields: readonly Field[];
}

/** A node as JSON carries it: `{_: {'#': soul, '>': {key: state}}, key: value}`. */
export interface WireNode {
  _: { '#': string; '>': Record<string, number> };
  [key: string]: unknown;
}

/** The `put` of a message: nodes by soul. */
export type WireGraph = Record<string, WireNode>;

/**
 * GUN's lexical query over souls or keys: exactly `=`, prefix `*`, from `>` and to `<` (both inclusive),
 * `-` for reverse order, `%` a budget in bytes of the answer.
 */
export interface Lex {
  readonly '='?: string;
  readonly '*'?: string;
  readonly '>'?: string;
  readonly '<'?: string;
  readonly '-'?: 1 | boolean;
  readonly '%'?: number;
}

/** What a `get` asks: a node, a field of it, or a range of either. */
export interface Query {
  readonly soul: string | Lex;
  readonly key?: string | Lex;
}

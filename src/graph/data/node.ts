import type { Delta, Field, Value } from './types.ts';

/** Up to so many fields a search through the keys is as quick as an index, and takes no memory. */
const indexFrom = 12;

/**
 * The fields of one node. Three arrays instead of an object of objects: states lie unboxed in one of them,
 * and keys such as `__proto__` or `constructor` are text like any other.
 */
export class GraphNode {
  readonly soul: string;
  readonly #keys: string[] = [];
  readonly #values: Value[] = [];
  readonly #states: number[] = [];
  #index: Map<string, number> | undefined;
  #chars = 0;

  constructor(soul: string) {
    this.soul = soul;
  }

  static from(delta: Delta): GraphNode {
    const node = new GraphNode(delta.soul);
    for (const field of delta.fields) node.set(field.key, field.value, field.state);
    return node;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** UTF-16 units of keys, texts and links: what a node takes in memory grows with these and with `size`. */
  get chars(): number {
    return this.#chars;
  }

  has(key: string): boolean {
    return this.#at(key) >= 0;
  }

  /** Undefined when the node has no such field; null when it was deleted. */
  value(key: string): Value | undefined {
    const at = this.#at(key);
    return at < 0 ? undefined : this.#values[at];
  }

  /** -Infinity when the node has no such field. */
  state(key: string): number {
    const at = this.#at(key);
    return at < 0 ? Number.NEGATIVE_INFINITY : (this.#states[at] as number);
  }

  field(key: string): Field | undefined {
    const at = this.#at(key);
    return at < 0 ? undefined : this.#field(at);
  }

  /** Writes whatever is there; HAM (`ham.ts`) has decided before. */
  set(key: string, value: Value, state: number): void {
    const at = this.#at(key);
    if (at >= 0) {
      this.#chars += charsOf(value) - charsOf(this.#values[at] as Value);
      this.#values[at] = value;
      this.#states[at] = state;
      return;
    }
    this.#chars += key.length + charsOf(value);
    this.#keys.push(key);
    this.#values.push(value);
    this.#states.push(state);
    if (this.#index) this.#index.set(key, this.#keys.length - 1);
    else if (this.#keys.length > indexFrom) this.#index = new Map(this.#keys.map((known, position) => [known, position]));
  }

  /** In the order in which they were first written. Not to be changed by the caller. */
  keys(): readonly string[] {
    return this.#keys;
  }

  *fields(): IterableIterator<Field> {
    for (let at = 0; at < this.#keys.length; at++) yield this.#field(at);
  }

  toDelta(): Delta {
    return { soul: this.soul, fields: [...this.fields()] };
  }

  #field(at: number): Field {
    return { key: this.#keys[at] as string, value: this.#values[at] as Value, state: this.#states[at] as number };
  }

  #at(key: string): number {
    return this.#index ? (this.#index.get(key) ?? -1) : this.#keys.indexOf(key);
  }
}

function charsOf(value: Value): number {
  if (typeof value === 'string') return value.length;
  return typeof value === 'object' && value !== null ? value['#'].length : 0;
}

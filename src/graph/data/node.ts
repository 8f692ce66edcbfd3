import type { Delta, Field, Value } from './types.ts';

/** Up to so many fields a search through the keys is as quick as an index, and takes no memory. */
const indexFrom = 12;

/**
 * The fields of one node, in arrays side by side instead of an object of objects: keys such as `__proto__` or
 * `constructor` are text like any other, and 100,000 nodes of three fields take a third of the memory. Arrays of small nodes
 * have no room to spare (`push` and spreading make room for 17, `concat` does not), and one number stands for the states while all are the same,
 * as they are in a node that was written at once.
 */
export class GraphNode {
  readonly soul: string;
  #keys: string[];
  #values: Value[];
  #states: number | number[];
  #index: Map<string, number> | undefined;
  #chars = 0;

  constructor(soul: string) {
    this.soul = soul;
    this.#keys = none;
    this.#values = none;
    this.#states = 0;
    this.#index = undefined;
  }

  static from({ soul, fields }: Delta): GraphNode {
    const node = new GraphNode(soul);
    const first = fields[0];
    if (first && fields.length <= indexFrom && allNew(fields)) {
      node.#keys = keysOf(fields, first.key);
      node.#values = fields.map(({ value }) => value);
      node.#states = fields.every(({ state }) => state === first.state) ? first.state : fields.map(({ state }) => state);
      for (const { key, value } of fields) node.#chars += key.length + charsOf(value);
    } else for (const { key, value, state } of fields) node.set(key, value, state);
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
    return at < 0 ? Number.NEGATIVE_INFINITY : this.#state(at);
  }

  field(key: string): Field | undefined {
    const at = this.#at(key);
    return at < 0 ? undefined : this.#field(at);
  }

  /** Writes whatever is there; HAM (`ham.ts`) has decided before. */
  set(key: string, value: Value, state: number): void {
    const at = this.#at(key);
    if (at < 0) return this.#add(key, value, state);
    this.#chars += charsOf(value) - charsOf(this.#values[at] as Value);
    this.#values[at] = value;
    if (typeof this.#states !== 'number') this.#states[at] = state;
    else if (this.#keys.length === 1) this.#states = state;
    else if (this.#states !== state) this.#apart()[at] = state;
  }

  /** In the order in which they were first written. Not to be changed by the caller. */
  keys(): readonly string[] {
    return this.#keys;
  }

  *fields(): IterableIterator<Field> {
    for (let at = 0; at < this.#keys.length; at++) yield this.#field(at);
  }

  toDelta(): Delta {
    return { soul: this.soul, fields: this.#keys.map((_key, at) => this.#field(at)) };
  }

  #field(at: number): Field {
    return { key: this.#keys[at] as string, value: this.#values[at] as Value, state: this.#state(at) };
  }

  #state(at: number): number {
    return typeof this.#states === 'number' ? this.#states : (this.#states[at] as number);
  }

  #add(key: string, value: Value, state: number): void {
    this.#chars += key.length + charsOf(value);
    const size = this.#keys.length;
    if (size === 0) this.#states = state;
    else if (this.#states !== state) this.#apart();
    // Lists of keys so short may be shared with other nodes, and are never changed.
    if (size <= indexFrom) {
      this.#keys = this.#keys.concat(key);
      this.#values = this.#values.concat(value);
      if (typeof this.#states !== 'number') this.#states = this.#states.concat(state);
    } else {
      this.#keys.push(key);
      this.#values.push(value);
      if (typeof this.#states !== 'number') this.#states.push(state);
    }
    if (size < indexFrom) return;
    if (this.#index) this.#index.set(key, size);
    else this.#index = new Map(this.#keys.map((known, position) => [known, position]));
  }

  /** Each field with a state of its own. */
  #apart(): number[] {
    if (typeof this.#states === 'number') this.#states = this.#keys.map(() => this.#states as number);
    return this.#states;
  }

  #at(key: string): number {
    return this.#index ? (this.#index.get(key) ?? -1) : this.#keys.indexOf(key);
  }
}

const none: never[] = [];

/** Lists of keys that were made lately: nodes of one kind have the same, and share it. */
const recentKeys: (string[] | undefined)[] = Array.from({ length: 256 });

function keysOf(fields: readonly Field[], first: string): string[] {
  const place = (fields.length * 61 + first.length * 7 + first.charCodeAt(0)) & 255;
  const recent = recentKeys[place];
  if (recent?.length === fields.length && recent.every((key, at) => key === fields[at]?.key)) return recent;
  return (recentKeys[place] = fields.map(({ key }) => key));
}

function allNew(fields: readonly Field[]): boolean {
  return fields.every(({ key }, at) => fields.findIndex((other) => other.key === key) === at);
}

function charsOf(value: Value): number {
  if (typeof value === 'string') return value.length;
  return typeof value === 'object' && value !== null ? value['#'].length : 0;
}

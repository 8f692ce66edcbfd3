import { PangeaError } from '../../errors/errors.ts';
import type { Delta, Field, Value } from '../data/types.ts';
import { linkSoul } from '../data/value.ts';
import { checkSoul, type Captured } from './capture.ts';
import type { Place } from './position.ts';

/** What is known of a field: its value, undefined where nothing is, or that somebody must be asked first. */
export type Look = (place: Place) => { readonly known: true; readonly value: Value | undefined } | { readonly known: false };

export interface Plan {
  readonly deltas: readonly Delta[];
  /** Fields whose links decide souls of this put, and which nobody knows yet. With any, the deltas are not complete. */
  readonly unknown: readonly Place[];
  /** Where the data went. */
  readonly soul: string;
  readonly key: string | undefined;
}

/** How to find the keys of a chain given as data; undefined for a chain of many. */
export type KeysOfChain = (chain: object) => readonly string[] | undefined;

export interface PlanInput {
  /** The soul and the keys below it; only a soul for a put at the root. */
  readonly keys: readonly string[];
  readonly data: Captured;
  readonly state: number;
  /** `set`: the data becomes an item of the node at `keys`, under a key of its own. */
  readonly item?: { readonly key: string; soulIn(set: string): string } | undefined;
  /** The first soul was made up for this put. */
  readonly fresh?: boolean;
}

/**
 * Decides which fields a put writes. Souls as GUN gives them: the one a data object names, else the one the field links to
 * already, else that of the parent, a slash and the key. Pure: it is run again when what was unknown has been learnt.
 */
export function plan(input: PlanInput, look: Look, keysOfChain: KeysOfChain): Plan {
  return new Planner(input.state, look, keysOfChain).run(input);
}

class Planner {
  readonly #nodes = new Map<string, Map<string, Value>>();
  readonly #unknown: Place[] = [];
  readonly #souls = new Map<Captured, string>();
  /** Nodes that have a soul and are not filled yet. */
  readonly #pending = new Set<Captured>();
  /** Below these nothing can be known to anybody: they were made for this put. */
  readonly #fresh = new Set<string>();
  readonly #state: number;
  readonly #look: Look;
  readonly #keysOfChain: KeysOfChain;

  constructor(state: number, look: Look, keysOfChain: KeysOfChain) {
    this.#state = state;
    this.#look = look;
    this.#keysOfChain = keysOfChain;
  }

  run({ keys, data, item, fresh }: PlanInput): Plan {
    const [root, ...below] = keys as [string, ...string[]];
    if (fresh) this.#fresh.add(root);
    let soul = root;
    let key: string | undefined;
    let value = data;
    if (item) {
      for (const step of below) soul = this.#into(soul, step, true);
      if (value.kind === 'scalar') key = item.key;
      else {
        const target = this.#soulOfItem(value, item.soulIn(soul));
        key = target;
        if (value.kind === 'node') this.#place(value, target);
        else value = { kind: 'link', soul: target };
      }
      this.#write(soul, key, value);
    } else if (below.length === 0) {
      if (value.kind !== 'node') throw new PangeaError('GRAPH_INVALID', 'Data at root of graph must be a node (an object).');
      this.#fill(value, soul);
    } else {
      key = below.pop() as string;
      for (const step of below) soul = this.#into(soul, step, true);
      this.#write(soul, key, value);
    }
    return { deltas: this.#deltas(), unknown: this.#unknown, soul, key };
  }

  #soulOfItem(value: Captured, fresh: string): string {
    if (value.kind === 'link') return value.soul;
    if (value.kind === 'chain') return this.#soulOfChain(value.chain);
    if (value.kind === 'node' && value.soul !== undefined) return value.soul;
    this.#fresh.add(fresh);
    return fresh;
  }

  /**
   * The soul that a field leads to. A put writes the links on its way again although they are there, as GUN does: a
   * deletion of one of them that is older than the put, and still on its way, must not hide what was put.
   */
  #into(soul: string, key: string, write: boolean): string {
    const linked = linkSoul(this.#valueAt(soul, key));
    const child = linked ?? `${soul}/${key}`;
    if (linked === undefined && this.#fresh.has(soul)) this.#fresh.add(child);
    if (write) this.#set(soul, key, { '#': child });
    return child;
  }

  #soulOfChain(chain: object): string {
    const keys = this.#keysOfChain(chain);
    if (!keys || keys.length === 0) throw new PangeaError('GRAPH_INVALID', 'Only a node can be linked!');
    const [root, ...below] = keys as [string, ...string[]];
    let soul = root;
    for (const key of below) soul = this.#into(soul, key, false);
    return soul;
  }

  #write(soul: string, key: string, value: Captured): void {
    if (value.kind === 'scalar') return this.#set(soul, key, value.value);
    if (value.kind === 'link') return this.#set(soul, key, { '#': value.soul });
    if (value.kind === 'chain') return this.#set(soul, key, { '#': this.#soulOfChain(value.chain) });
    const placed = this.#souls.get(value);
    const target = placed ?? value.soul ?? this.#into(soul, key, false);
    this.#set(soul, key, { '#': target });
    if (placed === undefined || this.#pending.has(value)) this.#fill(value, target);
  }

  /** Gives a node its soul before it is filled. */
  #place(value: Captured, soul: string): void {
    this.#souls.set(value, soul);
    this.#pending.add(value);
  }

  /** Breadth first and without recursion: data may be nested as deep as it likes. */
  #fill(root: Captured & { kind: 'node' }, rootSoul: string): void {
    this.#place(root, rootSoul);
    const jobs = [root];
    for (const node of jobs) {
      if (!this.#pending.delete(node)) continue;
      const soul = this.#souls.get(node) as string;
      for (const { key, value } of node.entries) {
        if (value.kind !== 'node') this.#write(soul, key, value);
        else {
          let target = this.#souls.get(value);
          if (target === undefined) {
            target = value.soul ?? this.#into(soul, key, false);
            this.#place(value, target);
            jobs.push(value);
          }
          this.#set(soul, key, { '#': target });
        }
      }
    }
  }

  #valueAt(soul: string, key: string): Value | undefined {
    const written = this.#nodes.get(soul)?.get(key);
    if (written !== undefined || this.#fresh.has(soul)) return written;
    const looked = this.#look({ soul, key });
    if (looked.known) return looked.value;
    this.#unknown.push({ soul, key });
    return undefined;
  }

  #set(soul: string, key: string, value: Value): void {
    const fields = this.#nodes.get(soul) ?? this.#node(soul);
    fields.set(key, value);
  }

  #node(soul: string): Map<string, Value> {
    const fields = new Map<string, Value>();
    this.#nodes.set(checkSoul(soul), fields);
    return fields;
  }

  #deltas(): Delta[] {
    const state = this.#state;
    return [...this.#nodes].map(([soul, fields]) => ({ soul, fields: [...fields].map(([key, value]): Field => ({ key, value, state })) }));
  }
}

import { PangeaError } from '../../errors/errors.ts';
import type { Edge } from './reader.ts';

/** Links from both ends, so that the one that a field held before is found when it is overwritten. */
export class Links {
  size = 0;
  complete = true;
  readonly #maxEdges: number;
  readonly #bySource = new Map<string, Map<string, Edge>>();
  readonly #byTarget = new Map<string, Set<Edge>>();
  /** States of links that were taken away while older fields are still being read, so that these do not bring them back. */
  #gone: Map<string, number> | undefined = new Map();

  constructor(maxEdges: number) {
    this.#maxEdges = maxEdges;
  }

  /** What a field holds now: a link, or (undefined) something else. Older states than what is known change nothing. */
  set(source: string, key: string, target: string | undefined, state: number): void {
    const known = this.#bySource.get(source)?.get(key);
    if (known !== undefined) {
      if (known.state > state) return;
      this.#remove(known);
    }
    if (target === undefined) this.#gone?.set(JSON.stringify([source, key]), state);
    else if (state >= (this.#gone?.get(JSON.stringify([source, key])) ?? state)) this.#add({ source, key, target, state });
  }

  /** From now on fields come in the order in which they are written. */
  built(): void {
    this.#gone = undefined;
  }

  into(target: string): readonly Edge[] {
    return [...(this.#byTarget.get(target) ?? [])];
  }

  check(): void {
    if (!this.complete) throw new PangeaError('TOO_LARGE', `the graph has more than ${this.#maxEdges} links: raise maxEdges`);
  }

  #add(edge: Edge): void {
    if (this.size >= this.#maxEdges) {
      this.complete = false;
      return;
    }
    const fields = this.#bySource.get(edge.source);
    if (fields === undefined) this.#bySource.set(edge.source, new Map([[edge.key, edge]]));
    else fields.set(edge.key, edge);
    const edges = this.#byTarget.get(edge.target);
    if (edges === undefined) this.#byTarget.set(edge.target, new Set([edge]));
    else edges.add(edge);
    this.size++;
  }

  #remove(edge: Edge): void {
    this.size--;
    prune(this.#bySource, edge.source, (fields) => fields.delete(edge.key));
    prune(this.#byTarget, edge.target, (edges) => edges.delete(edge));
  }
}

function prune<T extends { readonly size: number }>(map: Map<string, T>, key: string, remove: (held: T) => void): void {
  const held = map.get(key);
  if (held === undefined) return;
  remove(held);
  if (held.size === 0) map.delete(key);
}

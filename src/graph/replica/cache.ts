import type { GraphNode } from '../data/node.ts';

/** What a node, a field and a character take in V8, about. */
const nodeBytes = 200;
const fieldBytes = 48;

export function nodeCost(node: GraphNode | null): number {
  return node === null ? nodeBytes / 2 : nodeBytes + node.soul.length + node.size * fieldBytes + node.chars;
}

/**
 * Nodes in memory, the least recently used go first. Two generations instead of a list: a node that is used moves to
 * the young one; when that holds half the bound, the old one is let go and the young becomes old. `null` stands for a
 * soul that is known to be nowhere.
 */
export class NodeCache {
  readonly #limitBytes: number;
  readonly #pinned: (soul: string) => boolean;
  #young = new Map<string, GraphNode | null>();
  #old = new Map<string, GraphNode | null>();
  #youngBytes = 0;
  #fields = 0;
  #swapBytes: number;

  constructor(limitBytes: number, pinned: (soul: string) => boolean) {
    this.#limitBytes = limitBytes;
    this.#swapBytes = limitBytes / 2;
    this.#pinned = pinned;
  }

  get nodes(): number {
    return this.#young.size + this.#old.size;
  }

  get fields(): number {
    return this.#fields;
  }

  get(soul: string): GraphNode | null | undefined {
    const young = this.#young.get(soul);
    if (young !== undefined) return young;
    const old = this.#old.get(soul);
    if (old === undefined) return undefined;
    this.#old.delete(soul);
    this.#young.set(soul, old);
    this.#youngBytes += nodeCost(old);
    return old;
  }

  set(soul: string, node: GraphNode | null): void {
    const before = this.get(soul);
    if (before !== undefined) this.#youngBytes -= nodeCost(before);
    this.#young.set(soul, node);
    this.#youngBytes += nodeCost(node);
    this.#fields += (node?.size ?? 0) - (before?.size ?? 0);
  }

  delete(soul: string): void {
    const node = this.get(soul);
    if (node === undefined) return;
    this.#young.delete(soul);
    this.#youngBytes -= nodeCost(node);
    this.#fields -= node?.size ?? 0;
  }

  /** After a node from `get` was changed: by how many bytes and fields. */
  grown(bytes: number, fields: number): void {
    this.#youngBytes += bytes;
    this.#fields += fields;
  }

  get over(): boolean {
    return this.#youngBytes > this.#swapBytes;
  }

  /** Lets the old generation go, save what is pinned. */
  swap(): void {
    const kept = new Map<string, GraphNode | null>();
    let keptBytes = 0;
    for (const [soul, node] of this.#old) {
      if (node === null || !this.#pinned(soul)) {
        this.#fields -= node?.size ?? 0;
        continue;
      }
      kept.set(soul, node);
      keptBytes += nodeCost(node);
    }
    this.#old = this.#young;
    this.#young = kept;
    this.#youngBytes = keptBytes;
    // What is pinned may exceed the bound by itself; then swap again only when as much has come anew.
    this.#swapBytes = Math.max(this.#limitBytes / 2, 2 * keptBytes);
  }
}

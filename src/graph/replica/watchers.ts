import type { NodeChange, Watcher } from './replica.ts';

/** Who hears of which node. Changes are told in the order of merges, also those that a watcher makes while it hears of one. */
export class Watchers {
  readonly #bySoul = new Map<string, readonly Watcher[]>();
  #all: readonly Watcher[] = [];
  readonly #queue: NodeChange[] = [];
  #telling = false;

  /** Souls that somebody watches. */
  get size(): number {
    return this.#bySoul.size;
  }

  has(soul: string): boolean {
    return this.#bySoul.has(soul);
  }

  hears(soul: string): boolean {
    return this.#all.length > 0 || this.#bySoul.has(soul);
  }

  add(soul: string, watcher: Watcher): () => void {
    // Lists are replaced, not changed: one that leaves while it hears of a change does not move the others.
    const own: Watcher = (change) => watcher(change);
    this.#bySoul.set(soul, [...(this.#bySoul.get(soul) ?? []), own]);
    return () => {
      const left = (this.#bySoul.get(soul) ?? []).filter((other) => other !== own);
      if (left.length > 0) this.#bySoul.set(soul, left);
      else this.#bySoul.delete(soul);
    };
  }

  addAll(watcher: Watcher): () => void {
    const own: Watcher = (change) => watcher(change);
    this.#all = [...this.#all, own];
    return () => {
      this.#all = this.#all.filter((other) => other !== own);
    };
  }

  tell(change: NodeChange): void {
    this.#queue.push(change);
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let at = 0; at < this.#queue.length; at++) {
        const next = this.#queue[at] as NodeChange;
        for (const watcher of this.#bySoul.get(next.soul) ?? []) watcher(next);
        for (const watcher of this.#all) watcher(next);
      }
    } finally {
      this.#queue.length = 0;
      this.#telling = false;
    }
  }
}

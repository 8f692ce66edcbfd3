import type { Delta, Lex } from '../data/types.ts';
import type { GraphNode } from '../data/node.ts';
import type { GraphStore } from '../storage/storage.ts';

/** A store that is being opened: calls wait for it. `Gun(…)` gives a graph at once. */
export class LazyStore implements GraphStore {
  readonly name: string;
  readonly durability: GraphStore['durability'];
  readonly #opening: Promise<GraphStore>;
  #store: GraphStore | undefined;

  constructor(opening: Promise<GraphStore>, durability: GraphStore['durability'], name: string) {
    this.name = name;
    this.durability = durability;
    this.#opening = opening;
    opening.then(
      (store) => (this.#store = store),
      // Told by each call.
      () => undefined,
    );
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    return (this.#store ?? (await this.#opening)).read(souls);
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    return (this.#store ?? (await this.#opening)).range(soul, lex);
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    yield* (this.#store ?? (await this.#opening)).souls(lex);
  }

  async write(deltas: readonly Delta[]): Promise<void> {
    return (this.#store ?? (await this.#opening)).write(deltas);
  }

  stats(): ReturnType<GraphStore['stats']> {
    return this.#store?.stats() ?? { writes: 0, fields: 0, bytes: 0 };
  }

  async close(): Promise<void> {
    // One that could not be opened has nothing to close.
    const store = await this.#opening.catch(() => undefined);
    await store?.close();
  }
}

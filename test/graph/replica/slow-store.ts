import { PangeaError } from '../../../src/errors/errors.ts';
import type { Delta, Lex } from '../../../src/graph/data/types.ts';
import type { GraphNode } from '../../../src/graph/data/node.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import type { GraphStore } from '../../../src/graph/storage/storage.ts';
import type { Clock, Random } from '../../../src/std/std.ts';

/**
 * A disk in memory: everything takes its time, in an order of its own, and fails when told to. A read gives what was
 * there when it was asked, a write is there when it settles, as with a store that takes snapshots.
 */
export class SlowStore implements GraphStore {
  readonly name = 'slow';
  readonly durability = 'disk';
  readonly inner: MemoryStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #longestMs: number;
  /** Of each write: how many deltas it had. */
  readonly writes: number[] = [];
  readonly reads: (readonly string[])[] = [];
  writing = 0;
  mostWriting = 0;
  failWrites = false;
  failReads = false;

  constructor(clock: Clock, random: Random, longestMs = 10, inner = new MemoryStore()) {
    this.#clock = clock;
    this.#random = random;
    this.#longestMs = longestMs;
    this.inner = inner;
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    this.reads.push(souls);
    const nodes = await this.inner.read(souls);
    await this.#pause();
    if (this.failReads) throw new PangeaError('STORE_IO', 'the disk cannot be read');
    return nodes;
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    const node = await this.inner.range(soul, lex);
    await this.#pause();
    return node;
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    const souls: string[] = [];
    for await (const soul of this.inner.souls(lex)) souls.push(soul);
    for (const soul of souls) {
      if (this.#random.integer(4) === 0) await this.#pause();
      yield soul;
    }
  }

  async write(deltas: readonly Delta[]): Promise<void> {
    this.writes.push(deltas.length);
    this.mostWriting = Math.max(this.mostWriting, ++this.writing);
    await this.#pause();
    this.writing--;
    if (this.failWrites) throw new PangeaError('STORE_IO', 'the disk is full');
    await this.inner.write(deltas);
  }

  stats(): ReturnType<MemoryStore['stats']> {
    return this.inner.stats();
  }

  async close(): Promise<void> {}

  #pause(): Promise<void> {
    return this.#clock.sleep(this.#random.integer(this.#longestMs + 1));
  }
}

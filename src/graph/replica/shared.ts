import type { GraphStore } from '../storage/storage.ts';
import type { GraphNode } from '../data/node.ts';
import type { Delta, Lex } from '../data/types.ts';
import type { Copy, CopyStats } from './copy.ts';

/** A store in memory has the nodes already: no second copy of them, nothing to wait for. */
export class SharedCopy implements Copy {
  readonly #store: GraphStore & Required<Pick<GraphStore, 'peek'>>;
  #last: Promise<void> = Promise.resolve();
  #failedWrites = 0;
  readonly #failed = (): void => void this.#failedWrites++;
  #nodes = 0;
  #fields = 0;

  constructor(store: GraphStore & Required<Pick<GraphStore, 'peek'>>) {
    this.#store = store;
  }

  peek(soul: string): GraphNode | undefined {
    return this.#store.peek(soul);
  }

  resident(): boolean {
    return true;
  }

  async whenResident<T>(_souls: readonly string[], then: () => T): Promise<T> {
    return then();
  }

  take(delta: Delta, node: GraphNode | undefined): void {
    const before = node?.size ?? 0;
    this.#last = this.#store.write([delta]);
    this.#last.catch(this.#failed);
    if (node === undefined) this.#nodes++;
    this.#fields += (node?.size ?? delta.fields.length) - before;
  }

  stored(): Promise<void> {
    return this.#last;
  }

  range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    return this.#store.range(soul, lex);
  }

  souls(lex?: Lex): AsyncIterable<string> {
    return this.#store.souls(lex);
  }

  trim(): void {}

  unstored(): number {
    return 0;
  }

  stats(): CopyStats {
    return { nodesInMemory: this.#nodes, fieldsInMemory: this.#fields, unstored: 0, failedWrites: this.#failedWrites };
  }

  flush(): Promise<void> {
    return this.#last;
  }

  close(): Promise<void> {
    return this.#last;
  }
}

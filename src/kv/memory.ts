import { PangeaError } from '../errors/errors.ts';
import type { KeyValueStore, KvOperation } from './kv.ts';

/** The key-value store without a disk: for tests, simulation and clients that keep nothing. */
export class MemoryKv implements KeyValueStore {
  readonly name = 'memory';
  readonly #values = new Map<string, Uint8Array>();
  #closed = false;

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#alive();
    return this.#values.get(key)?.slice();
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.batch([{ type: 'put', key, value }]);
  }

  delete(key: string): Promise<void> {
    return this.batch([{ type: 'delete', key }]);
  }

  async batch(operations: readonly KvOperation[]): Promise<void> {
    this.#alive();
    for (const operation of operations) {
      if (operation.type === 'put') this.#values.set(operation.key, operation.value.slice());
      else this.#values.delete(operation.key);
    }
  }

  async *entries(prefix: string, options: { after?: string; limit?: number } = {}): AsyncIterable<readonly [string, Uint8Array]> {
    this.#alive();
    const { after, limit = Infinity } = options;
    const found = [...this.#values].filter(([key]) => key.startsWith(prefix) && (after === undefined || byBytes(key, after) > 0));
    found.sort(([a], [b]) => byBytes(a, b));
    for (const [key, value] of found.slice(0, limit)) {
      this.#alive();
      yield [key, value.slice()];
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #alive(): void {
    if (this.#closed) throw new PangeaError('STORE_CLOSED', 'the key-value store is closed');
  }
}

/** Order of the UTF-8 bytes, which is not that of JavaScript's strings beyond the basic plane. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

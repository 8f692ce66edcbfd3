import type { KeyValueStore, KvOperation } from '../../src/kv/kv.ts';

export class MemoryKv implements KeyValueStore {
  readonly name = 'memory';
  readonly #map = new Map<string, Uint8Array>();
  async get(key: string): Promise<Uint8Array | undefined> { return this.#map.get(key); }
  async put(key: string, value: Uint8Array): Promise<void> { this.#map.set(key, value); }
  async delete(key: string): Promise<void> { this.#map.delete(key); }
  async batch(operations: readonly KvOperation[]): Promise<void> {
    for (const each of operations) if (each.type === 'put') this.#map.set(each.key, each.value); else this.#map.delete(each.key);
  }
  async *entries(prefix: string, options: { after?: string; limit?: number } = {}): AsyncGenerator<readonly [string, Uint8Array]> {
    const keys = [...this.#map.keys()].filter((key) => key.startsWith(prefix) && (options.after === undefined || key > options.after)).sort();
    for (const key of keys.slice(0, options.limit ?? keys.length)) yield [key, this.#map.get(key) as Uint8Array];
  }
  async close(): Promise<void> {}
}

import type { KeyValueStore, KvOperation } from '../../src/kv/kv.ts';
import type { Metrics } from '../../src/telemetry/telemetry.ts';

/** A process's view of its key-value store: after `kill` nothing is written or answered any more. */
export class ProcessKv implements KeyValueStore {
  readonly name: string;
  readonly #kv: KeyValueStore;
  #alive = true;

  constructor(kv: KeyValueStore) {
    this.#kv = kv;
    this.name = kv.name;
  }

  kill(): void {
    this.#alive = false;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#run(() => this.#kv.get(key));
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.#run(() => this.#kv.put(key, value));
  }

  delete(key: string): Promise<void> {
    return this.#run(() => this.#kv.delete(key));
  }

  batch(operations: readonly KvOperation[]): Promise<void> {
    return this.#run(() => this.#kv.batch(operations));
  }

  entries(prefix: string, options?: { after?: string; limit?: number }): AsyncIterable<readonly [string, Uint8Array]> {
    return this.#kv.entries(prefix, options);
  }

  async close(): Promise<void> {
    // The disk outlives the process that closes it here.
  }

  #run<T>(operation: () => Promise<T>): Promise<T> {
    return this.#alive ? operation() : new Promise(() => undefined);
  }
}

/** Keeps what gauges read and counters count, so that invariants about memory can be checked. */
export class GaugeBook implements Metrics {
  readonly #gauges = new Map<string, () => number>();
  readonly counts = new Map<string, number>();

  counter(name: string): { add(amount?: number): void } {
    return { add: (amount = 1) => this.counts.set(name, (this.counts.get(name) ?? 0) + amount) };
  }

  histogram(): { observe(): void } {
    return { observe: () => undefined };
  }

  gauge(name: string, _help: string, read: () => number): void {
    this.#gauges.set(name, read);
  }

  /** A simulated world has one codec. */
  info(): void {}

  read(): ReadonlyMap<string, number> {
    return new Map([...this.#gauges].map(([name, read]) => [name, read()]));
  }

  async text(): Promise<string> {
    return [...this.read()].map(([name, value]) => `${name} ${value}`).join('\n');
  }
}

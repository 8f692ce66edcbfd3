/**
 * The bounded memory that js-libp2p keeps provider records, values and its address book in.
 *
 * Its Kademlia stores whatever passes the validator, an older value over a newer one included, and providers without
 * end; so selection and caps live here, where every such write arrives. A refused write throws, which ends that
 * peer's request and nothing else.
 */
import type { Libp2pOptions } from 'libp2p';

import type { Clock } from '../../std/std.ts';
import { keepLimits } from '../limits.ts';

type Datastore = NonNullable<Libp2pOptions['datastore']>;
type Key = Parameters<Datastore['get']>[0];
type Query = Parameters<Datastore['query']>[0];
type KeyQuery = Parameters<Datastore['queryKeys']>[0];
interface Pair {
  readonly key: Key;
  readonly value: Uint8Array;
}

export type Verdict = 'newer' | 'older' | 'invalid';

export interface BoundedDatastoreOptions {
  readonly clock: Clock;
  readonly self: string;
  /** Verdict over a serialised record, given the one held. Never throws. */
  readonly judge: (record: Uint8Array, held: Uint8Array | undefined) => Verdict;
  /** Network of a peer for the subnet cap; `undefined` where it does not count. */
  readonly subnetOf: (peer: string) => string | undefined;
  /** Errors by the name that the library looks for. */
  readonly notFound: (key: string) => Error;
}

const providerPrefix = '/dht/provider/';
const recordPrefix = '/dht/record/';

export class BoundedDatastore implements Datastore {
  readonly #options: BoundedDatastoreOptions;
  /** Parent path → (full path → entry): a look-up of one key's providers touches that key only. */
  readonly #groups = new Map<string, Map<string, { readonly key: Key; readonly value: Uint8Array; readonly at: number }>>();
  #providerKeys = 0;
  #providerEntries = 0;
  #recordBytes = 0;

  constructor(options: BoundedDatastoreOptions) {
    this.#options = options;
  }

  has(key: Key): boolean {
    return this.#find(key) !== undefined;
  }

  get(key: Key): Uint8Array {
    const found = this.#find(key);
    if (!found) throw this.#options.notFound(key.toString());
    return found.value;
  }

  put(key: Key, value: Uint8Array): Key {
    const path = key.toString();
    const parent = parentOf(path);
    if (!this.#groups.get(parent)?.has(path)) this.#admit(path, parent);
    if (path.startsWith(recordPrefix) && !this.#admitRecord(path, parent, value)) return key;
    this.delete(key);
    let group = this.#groups.get(parent);
    if (!group) {
      group = new Map();
      this.#groups.set(parent, group);
      if (path.startsWith(providerPrefix)) this.#providerKeys++;
    }
    if (path.startsWith(providerPrefix)) this.#providerEntries++;
    if (path.startsWith(recordPrefix)) this.#recordBytes += value.length;
    group.set(path, { key, value, at: this.#options.clock.monotonicMs() });
    return key;
  }

  delete(key: Key): void {
    const path = key.toString();
    const parent = parentOf(path);
    const group = this.#groups.get(parent);
    const entry = group?.get(path);
    if (!group || !entry) return;
    group.delete(path);
    if (path.startsWith(recordPrefix)) this.#recordBytes -= entry.value.length;
    if (path.startsWith(providerPrefix)) this.#providerEntries--;
    if (group.size > 0) return;
    this.#groups.delete(parent);
    if (path.startsWith(providerPrefix)) this.#providerKeys--;
  }

  *query(query: Query): Generator<Pair> {
    let left = query.limit ?? Infinity;
    let skip = query.offset ?? 0;
    const pairs: Iterable<Pair> = query.orders?.length
      ? query.orders.reduce((sorted, order) => sorted.sort(order), [...this.#matching(query.prefix)])
      : this.#matching(query.prefix);
    for (const pair of pairs) {
      if (query.filters?.some((filter) => !filter(pair))) continue;
      if (skip-- > 0) continue;
      if (left-- <= 0) return;
      yield pair;
    }
  }

  *queryKeys(query: KeyQuery): Generator<Key> {
    for (const { key } of this.query(query.prefix === undefined ? {} : { prefix: query.prefix })) {
      if (query.filters?.some((filter) => !filter(key))) continue;
      yield key;
    }
  }

  async *putMany(source: Iterable<Pair> | AsyncIterable<Pair>): AsyncGenerator<Key> {
    for await (const { key, value } of source) yield this.put(key, value);
  }

  async *getMany(source: Iterable<Key> | AsyncIterable<Key>): AsyncGenerator<Pair> {
    for await (const key of source) yield { key, value: this.get(key) };
  }

  async *deleteMany(source: Iterable<Key> | AsyncIterable<Key>): AsyncGenerator<Key> {
    for await (const key of source) {
      this.delete(key);
      yield key;
    }
  }

  batch(): { put: (key: Key, value: Uint8Array) => void; delete: (key: Key) => void; commit: () => void } {
    const steps: (() => void)[] = [];
    return {
      put: (key, value) => void steps.push(() => void this.put(key, value)),
      delete: (key) => void steps.push(() => this.delete(key)),
      commit: () => {
        for (const step of steps.splice(0)) step();
      },
    };
  }

  #find(key: Key): { readonly value: Uint8Array } | undefined {
    const path = key.toString();
    return this.#groups.get(parentOf(path))?.get(path);
  }

  *#matching(prefix: string | undefined): Generator<Pair> {
    const exact = prefix === undefined ? undefined : this.#groups.get(prefix.replace(/\/$/, ''));
    if (exact) {
      yield* exact.values();
      return;
    }
    // No other group can lie below one key's providers.
    if (prefix !== undefined && prefix.startsWith(providerPrefix)) return;
    // A copy: what is renewed while somebody iterates would come up again at the end.
    const all = Array.from(this.#groups.values(), (group) => Array.from(group)).flat();
    for (const [path, entry] of all) if (prefix === undefined || path.startsWith(prefix)) yield entry;
  }

  /** Throws unless there is room for one entry more. */
  #admit(path: string, parent: string): void {
    if (path.startsWith(providerPrefix)) {
      if (path.endsWith(`/${this.#options.self}`)) return;
      const group = this.#groups.get(parent);
      if (!group && this.#providerKeys >= keepLimits.providerKeys) throw refused('provider keys');
      if (this.#providerEntries >= keepLimits.providerEntries) throw refused('provider records');
      if (!group) return;
      if (group.size >= keepLimits.providersPerKey) throw refused('providers of one key');
      const subnet = this.#options.subnetOf(lastOf(path));
      if (subnet === undefined) return;
      const neighbours = [...group.keys()].filter((other) => this.#options.subnetOf(lastOf(other)) === subnet);
      if (neighbours.length >= keepLimits.providersPerSubnet) throw refused('providers of one key in one network');
    } else if (path.startsWith('/peers/')) {
      const peers = this.#groups.get(parent);
      const oldest = peers && peers.size >= keepLimits.peerEntries ? peers.values().next().value : undefined;
      if (oldest) this.delete(oldest.key);
    }
  }

  /** False for a record older than the one held: that one stays, and the sender sees so when it reads back. Throws on others. */
  #admitRecord(path: string, parent: string, value: Uint8Array): boolean {
    const held = this.#groups.get(parent)?.get(path);
    const verdict = this.#options.judge(value, held?.value);
    if (verdict === 'invalid') throw new Error('the record is not valid');
    if (verdict === 'older') return false;
    const full = (): boolean =>
      (this.#groups.get(parent)?.size ?? 0) >= keepLimits.records || this.#recordBytes + value.length > keepLimits.recordBytesTotal;
    if (held || !full()) return true;
    const oldest = this.#options.clock.monotonicMs() - keepLimits.recordAgeMs;
    for (const entry of this.#groups.get(parent)?.values() ?? []) if (entry.at < oldest) this.delete(entry.key);
    if (full()) throw refused('records');
    return true;
  }
}

function refused(what: string): Error {
  return new Error(`this node keeps no more ${what}`);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * The owner's list of objects: local, durable, what `ls`, `info`, `search`, `rm` and names work on.
 * Objects never change; only names move. Two objects may carry one name: the newest answers to it.
 */
import type { ObjectRecord, PutResult } from './types.ts';
import type { Digest } from '../ids/ids.ts';
import type { KeyValueStore, KvOperation } from '../kv/kv.ts';
import { fromUtf8, utf8 } from '../std/std.ts';

export interface CatalogueEntry extends ObjectRecord {
  readonly requestId?: string;
  /** Roots of the member objects of a directory: packs and large files. */
  readonly children: readonly string[];
  /** Root of the dictionary object without which this one cannot be read. */
  readonly dictionary?: string;
  /** The answer of the put, given again when the same request is retried. */
  readonly result?: PutResult;
}

const byRootPrefix = 'catalogue/by-root/';
const byNamePrefix = 'catalogue/by-name/';
const byRequestPrefix = 'catalogue/by-request/';
const byDictionaryPrefix = 'catalogue/by-dictionary/';

export class Catalogue {
  readonly #kv: KeyValueStore;
  #count = 0;
  /** Settles when `count()` includes what was there before. */
  readonly ready: Promise<void>;

  constructor(kv: KeyValueStore) {
    this.#kv = kv;
    this.ready = this.#countEntries();
  }

  async add(entry: CatalogueEntry): Promise<void> {
    const known = await this.byRoot(entry.root as Digest);
    const operations: KvOperation[] = [
      { type: 'put', key: byRootPrefix + entry.root, value: utf8(JSON.stringify(entry)) },
      { type: 'put', key: nameKey(entry), value: utf8(entry.root) },
    ];
    if (entry.requestId !== undefined) {
      operations.push({ type: 'put', key: byRequestPrefix + entry.requestId, value: utf8(entry.root) });
    }
    if (entry.dictionary !== undefined) operations.push({ type: 'put', key: dictionaryKey(entry.dictionary, entry.root), value: utf8(entry.name) });
    if (known && nameKey(known) !== nameKey(entry)) operations.push({ type: 'delete', key: nameKey(known) });
    await this.#kv.batch(operations);
    if (!known) this.#count++;
  }

  async byRoot(root: Digest): Promise<CatalogueEntry | undefined> {
    const value = await this.#kv.get(byRootPrefix + root);
    return value && (JSON.parse(fromUtf8(value)) as CatalogueEntry);
  }

  /** The newest object of that name. */
  async byName(name: string): Promise<CatalogueEntry | undefined> {
    let newest: Uint8Array | undefined;
    for await (const [, root] of this.#kv.entries(namePrefix(name))) newest = root;
    return newest && this.byRoot(fromUtf8(newest) as Digest);
  }

  async byRequest(requestId: string): Promise<CatalogueEntry | undefined> {
    const root = await this.#kv.get(byRequestPrefix + requestId);
    return root && this.byRoot(fromUtf8(root) as Digest);
  }

  async remove(root: Digest): Promise<void> {
    const entry = await this.byRoot(root);
    if (!entry) return;
    const operations: KvOperation[] = [
      { type: 'delete', key: byRootPrefix + root },
      { type: 'delete', key: nameKey(entry) },
    ];
    if (entry.requestId !== undefined) operations.push({ type: 'delete', key: byRequestPrefix + entry.requestId });
    if (entry.dictionary !== undefined) operations.push({ type: 'delete', key: dictionaryKey(entry.dictionary, root) });
    await this.#kv.batch(operations);
    this.#count--;
  }

  /** The name of an object that cannot be read without this dictionary, if there is one. */
  async nameOfUser(dictionary: Digest): Promise<string | undefined> {
    for await (const [, name] of this.#kv.entries(dictionaryKey(dictionary, ''), { limit: 1 })) return fromUtf8(name);
    return undefined;
  }

  /** By name, then from old to new. */
  async *list(): AsyncIterable<CatalogueEntry> {
    for await (const [, root] of this.#kv.entries(byNamePrefix)) {
      const entry = await this.byRoot(fromUtf8(root) as Digest);
      if (entry) yield entry;
    }
  }

  /** `pattern`: shell-like with `*` and `?`; without either, any name that contains it. Letter case is ignored. */
  async *search(pattern: string): AsyncIterable<CatalogueEntry> {
    const expression = patternOf(pattern);
    for await (const entry of this.list()) {
      if (expression.test(entry.name)) yield entry;
    }
  }

  count(): number {
    return this.#count;
  }

  async #countEntries(): Promise<void> {
    for await (const _ of this.#kv.entries(byRootPrefix)) this.#count++;
  }
}

function patternOf(pattern: string): RegExp {
  const literal = (text: string): string => text.replace(/[.+^${}()|[\]\\/]/g, '\\$&');
  if (!/[*?]/.test(pattern)) return new RegExp(literal(pattern), 'iu');
  return new RegExp(`^${literal(pattern).replaceAll('*', '.*').replaceAll('?', '.')}$`, 'isu');
}

/** Escaped so that no name can contain the separator or another name's prefix. */
function namePrefix(name: string): string {
  return `${byNamePrefix}${encodeURIComponent(name.toWellFormed())}/`;
}

function dictionaryKey(dictionary: string, root: string): string {
  return `${byDictionaryPrefix}${dictionary}/${root}`;
}

/** Time in fixed width, so that the order of keys is the order of time. */
function nameKey(entry: ObjectRecord): string {
  return `${namePrefix(entry.name)}${String(entry.createdMs).padStart(16, '0')}/${entry.root}`;
}

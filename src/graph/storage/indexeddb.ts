/**
 * The graph in a browser's own database: it outlives the page, the browser and power loss, as far as the browser keeps
 * its word (transactions ask for `durability: strict`). One record a field under the key `[soul, key]`, so that a
 * change of a large node touches one record, and tabs of one origin share the database without losing writes.
 *
 * A browser may clear it when the disk is full, unless `navigator.storage.persist()` was granted.
 */
import { PangeaError } from '../../errors/errors.ts';
import { GraphNode } from '../data/node.ts';
import type { Delta, Lex, Value } from '../data/types.ts';
import type { Cursor, Database, Factory, KeyRange, Request, Transaction } from './indexeddb-types.ts';
import { mergeInto, supersedes } from './merge.ts';
import { utf8Length } from './order.ts';
import { isReverse, RangeAnswer, selects, spanOf, valueBytes } from './select.ts';
import type { GraphStore } from './storage.ts';

const fieldStore = 'fields';
/** Changes with the layout of records. */
const version = 1;
/** So many souls are looked up in one transaction before they are handed out. */
const soulsAtOnce = 256;

/** Key, value, state. */
type Stored = readonly [string, Value, number];

/** The database `name` of this origin. Fails with BACKEND_UNAVAILABLE where there is none (private windows of some browsers), STORE_IO otherwise. */
export async function openIndexedDbStore(name = 'pangea-graph'): Promise<GraphStore> {
  const { indexedDB, IDBKeyRange } = globalThis as { readonly indexedDB?: Factory; readonly IDBKeyRange?: KeyRange };
  if (indexedDB === undefined || IDBKeyRange === undefined) throw new PangeaError('BACKEND_UNAVAILABLE', 'this browser gives the page no IndexedDB');
  const opening = indexedDB.open(name, version);
  opening.onupgradeneeded = () => opening.result.createObjectStore(fieldStore);
  return new IndexedDbStore(await settled(opening), IDBKeyRange);
}

class IndexedDbStore implements GraphStore {
  readonly name = 'indexeddb';
  readonly durability = 'disk';
  readonly #database: Database;
  readonly #ranges: KeyRange;
  #writing: Promise<unknown> = Promise.resolve();
  #writes = 0;
  #fields = 0;
  #bytes = 0;
  #closed = false;

  constructor(database: Database, ranges: KeyRange) {
    this.#database = database;
    this.#ranges = ranges;
    // Another tab wants to delete or upgrade the database: it waits for this.
    database.onversionchange = () => void this.close();
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    const store = this.#open('readonly').objectStore(fieldStore);
    return Promise.all(souls.map(async (soul) => {
      const place = sortable(soul);
      const fields = await settled<Stored[]>(store.getAll(this.#ranges.bound([place], [place, []])));
      return fields.length === 0 ? undefined : nodeOf(soul, fields);
    }));
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    const place = sortable(soul);
    const { from, through } = spanOf(lex);
    const end = through === undefined || through === '' ? [] : after(through);
    const span = this.#ranges.bound([place, from], [place, end], false, true);
    const answer = new RangeAnswer(soul, lex);
    const cursors = this.#open('readonly').objectStore(fieldStore).openCursor(span, isReverse(lex) ? 'prev' : 'next');
    await each(cursors, (cursor) => {
      const [key, value, state] = cursor.value as Stored;
      if (!answer.offer({ key, value, state })) return false;
      cursor.continue();
      return true;
    });
    return answer.result();
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    const { from, through } = spanOf(lex);
    const reverse = isReverse(lex);
    let low: unknown = [from];
    let high: unknown = through === undefined || through === '' ? [[]] : [after(through)];
    for (;;) {
      const found = await this.#someSouls(this.#ranges.bound(low, high, false, true), reverse);
      for (const place of found) {
        const soul = original(place);
        if (!selects(lex, soul)) continue;
        if (this.#closed) throw closedError();
        yield soul;
      }
      const last = found.at(-1);
      if (last === undefined || found.length < soulsAtOnce) return;
      if (!reverse) low = [last, []];
      else if (last === from) return;
      else high = [last];
    }
  }

  async write(deltas: readonly Delta[]): Promise<void> {
    const transaction = this.#open('readwrite');
    const done = finished(transaction);
    this.#writing = Promise.allSettled([this.#writing, done]);
    const store = transaction.objectStore(fieldStore);
    const counts = { fields: 0, bytes: 0 };
    for (const node of together(deltas)) {
      const place = sortable(node.soul);
      for (const { key, value, state } of node.fields()) {
        const at = [place, sortable(key)];
        const asked = store.get(at) as Request<Stored | undefined>;
        asked.onsuccess = () => {
          const known = asked.result;
          if (known !== undefined && !supersedes(value, state, known[1], known[2])) return;
          counts.fields++;
          counts.bytes += utf8Length(key) + valueBytes(value);
          store.put([key, value, state] satisfies Stored, at);
        };
      }
    }
    await done;
    this.#writes++;
    this.#fields += counts.fields;
    this.#bytes += counts.bytes;
  }

  stats(): { readonly writes: number; readonly fields: number; readonly bytes: number } {
    return { writes: this.#writes, fields: this.#fields, bytes: this.#bytes };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    this.#database.close();
  }

  /** Jumps from soul to soul without reading their fields. */
  async #someSouls(span: unknown, reverse: boolean): Promise<string[]> {
    const found: string[] = [];
    await each(this.#open('readonly').objectStore(fieldStore).openKeyCursor(span, reverse ? 'prev' : 'next'), (cursor) => {
      const [place] = cursor.key as [string];
      found.push(place);
      if (found.length === soulsAtOnce) return false;
      cursor.continue(reverse ? [place] : [place, []]);
      return true;
    });
    return found;
  }

  #open(mode: 'readonly' | 'readwrite'): Transaction {
    if (this.#closed) throw closedError();
    try {
      return this.#database.transaction(fieldStore, mode, { durability: 'strict' });
    } catch (error) {
      // The browser closed it, e.g. since the user cleared the data of this site.
      throw new PangeaError('STORE_IO', 'the browser has closed the database of this page', { cause: error });
    }
  }
}

function nodeOf(soul: string, fields: readonly Stored[]): GraphNode {
  const node = new GraphNode(soul);
  for (const [key, value, state] of fields) node.set(key, value, state);
  return node;
}

/** One node a soul, since all questions of a transaction are asked before its first answer comes. */
function together(deltas: readonly Delta[]): Iterable<GraphNode> {
  const nodes = new Map<string, GraphNode>();
  for (const { soul, fields } of deltas) {
    const node = nodes.get(soul) ?? new GraphNode(soul);
    nodes.set(soul, node);
    mergeInto(node, fields);
  }
  return nodes.values();
}

/**
 * IndexedDB orders texts by UTF-16 units, the contract by code points. So a pair of surrogates gets U+FFFF in front,
 * and U+FFFF itself a NUL behind; all other text stays as it is.
 */
function sortable(text: string): string {
  return /[\ud800-\udbff\uffff]/.test(text) ? text.replaceAll(/[\ud800-\udbff][\udc00-\udfff]|\uffff/g, (match) => (match === '\uffff' ? '\uffff\0' : `\uffff${match}`)) : text;
}

function original(place: string): string {
  return place.includes('\uffff') ? place.replaceAll(/\uffff(\0|[\ud800-\udbff][\udc00-\udfff])/g, (_, next: string) => (next === '\0' ? '\uffff' : next)) : place;
}

/** The first text behind all that begin with `prefix`, whose units lie below the surrogates (see `spanOf`). */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

function settled<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(failure(request.error));
  });
}

/** Steps a cursor until `step` says that it is enough. */
function each(request: Request<Cursor | null>, step: (cursor: Cursor) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      if (request.result === null || !step(request.result)) resolve();
    };
    request.onerror = () => reject(failure(request.error));
  });
}

function finished(transaction: Transaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(failure(transaction.error));
  });
}

function failure(error: { readonly name: string; readonly message: string } | null): PangeaError {
  const full = error?.name === 'QuotaExceededError';
  return new PangeaError(full ? 'STORE_FULL' : 'STORE_IO', full ? 'the browser has no room left for this page' : `IndexedDB: ${error?.message ?? 'it was interrupted'}`, { cause: error });
}

function closedError(): PangeaError {
  return new PangeaError('STORE_CLOSED', 'the graph store is closed');
}

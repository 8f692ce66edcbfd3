/** The little of IndexedDB that `indexeddb.ts` uses, since the project is compiled without a browser's types. */
export interface Factory {
  open(name: string, version: number): OpenRequest;
}

export interface KeyRange {
  bound(low: unknown, high: unknown, lowOpen?: boolean, highOpen?: boolean): unknown;
}

export interface Database {
  onversionchange: (() => void) | null;
  createObjectStore(name: string): unknown;
  transaction(store: string, mode: 'readonly' | 'readwrite', options: { readonly durability: 'strict' }): Transaction;
  close(): void;
}

export interface Transaction {
  readonly error: Failure | null;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
  objectStore(name: string): ObjectStore;
}

interface ObjectStore {
  get(key: unknown): Request<unknown>;
  getAll<T>(range: unknown): Request<T[]>;
  put(value: unknown, key: unknown): unknown;
  openCursor(range: unknown, direction: 'next' | 'prev'): Request<Cursor | null>;
  openKeyCursor(range: unknown, direction: 'next' | 'prev'): Request<Cursor | null>;
}

export interface Request<T> {
  readonly result: T;
  readonly error: Failure | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

interface OpenRequest extends Request<Database> {
  onupgradeneeded: (() => void) | null;
}

export interface Cursor {
  readonly key: unknown;
  readonly value: unknown;
  continue(key?: unknown): void;
}

interface Failure {
  readonly name: string;
  readonly message: string;
}

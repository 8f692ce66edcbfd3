import { PangeaError } from '../../errors/errors.ts';
import { changes, type Change, type ChangeOptions } from './changes.ts';
import type { Core } from './core.ts';
import { follow, type DocumentOptions } from './document.ts';
import { observe } from './observe.ts';
import { isMany, not, on, once, raw, tell, type Message, type RawListener, type Subscription } from './read.ts';
import type { At, DataOf, DocumentOf, InputOf, ItemOf, KeyOf } from './schema.ts';
import type { Scope } from './scope.ts';
import { readLex, type MapFunction, type Path, type Step } from './step.ts';
import { write, type AckCallback, type PutDone, type PutOptions, type Write } from './write.ts';

export type OnCallback<T> = (this: any, data: DataOf<T>, key: string, message: Message, event: Subscription) => void;
export type OnceCallback<T> = (this: any, data: DataOf<T> | undefined, key: string) => void;

export interface OnceOptions {
  /** Milliseconds to ask peers for; 0 for what is here only. Default 2,000 for what is not here, 99 for news of what is. */
  readonly wait?: number;
}

export interface OnOptions {
  /** Deliver only the fields that changed, after a first whole node. */
  readonly change?: boolean;
}

/** A chain that can also be awaited. */
export type Awaitable<C, Result> = C & PromiseLike<Result>;

/**
 * A way through the graph, with GUN's words. It holds nothing: chains are made and dropped at will, what they follow is
 * given back by `off`. `T` is what the schema has here.
 */
export class Chain<T = any> {
  readonly #core: Core;
  readonly #path: Path | undefined;
  /** A `map` with a function works although nobody reads on; ends when somebody does, since reading runs it again. */
  #eager: Scope | undefined;

  constructor(core: Core, path: Path | undefined) {
    this.#core = core;
    this.#path = path;
  }

  static coreOf(chain: Chain): Core {
    return chain.#core;
  }

  /** Undefined for what is no chain; for those of a graph that is not `core`, an error. */
  static pathOf(x: object, core: Core): { readonly path: Path | undefined } | undefined {
    if (!(#path in x)) return undefined;
    if (x.#core !== core) throw new PangeaError('GRAPH_INVALID', 'Invalid data: a chain of another graph!');
    return { path: x.#path };
  }

  /** The field or, at the root, the node of this name; a link to a soul; a range of keys, in the forms of GUN's lex. */
  get<Key extends KeyOf<T>>(key: Key): Chain<At<T, Key>>;
  /** GUN's lowest form of reading: called with messages, `put` is undefined where nothing is. */
  get(listener: RawListener): this;
  get(lex: object): Chain<T>;
  get(key: string | number | object | RawListener): Chain<any> {
    if (typeof key === 'function') {
      this.#read();
      raw(this.#core, this.#path, key as RawListener);
      return this;
    }
    if (typeof key === 'object') {
      const lex = readLex(key);
      if (!lex) throw new PangeaError('GRAPH_INVALID', 'get takes a key, a lex or a function');
      const keys = Object.keys(lex);
      return this.#next(keys.length === 1 && lex['='] !== undefined ? { kind: 'key', key: lex['='] } : { kind: 'lex', lex });
    }
    const text = String(key);
    if (text === '') throw new PangeaError('GRAPH_INVALID', '0 length key!');
    return this.#next({ kind: 'key', key: text });
  }

  /** Keys joined by dots, one `get` after the other. */
  path(keys: string, separator = '.'): Chain<any> {
    return keys.split(separator).reduce((chain: Chain<any>, key) => chain.get(key), this);
  }

  /** Writes a value, or the fields of an object, here; objects in it become nodes of their own, linked. */
  put(data: InputOf<T> | null, callback?: AckCallback, options: PutOptions = {}): Awaitable<Chain<T>, PutDone> {
    return this.#write(data, callback, options, false);
  }

  /** Adds to this node as a set: a node under its soul, so that it is in once; a scalar under a key of its own. */
  set(item: InputOf<ItemOf<T>>, callback?: AckCallback, options: PutOptions = {}): Awaitable<Chain<ItemOf<T>>, PutDone> {
    return this.#write(item, callback, options, true) as Awaitable<Chain<ItemOf<T>>, PutDone>;
  }

  /**
   * Called with what is here, now and on every change. Nodes come whole, as a copy of the program's own, unless `change` is
   * set. Without a callback: an async iterable that puts changes together while nobody reads.
   */
  on(callback: OnCallback<T>, options?: OnOptions | true): this;
  on(options?: ChangeOptions): AsyncIterableIterator<Change<DataOf<T>>>;
  on(first?: OnCallback<T> | ChangeOptions, second?: OnOptions | true): this | AsyncIterableIterator<Change<DataOf<T>>> {
    this.#read();
    if (typeof first !== 'function') return changes(this.#core, this.#path, first ?? {}) as AsyncIterableIterator<Change<DataOf<T>>>;
    on(this.#core, this.#path, first as never, second === true || second?.change === true);
    return this;
  }

  /**
   * What is here, once; undefined when it is nowhere. A chain of many gives each item once, also those that come later.
   * Without a callback: a chain of what is here now, which can be awaited for it.
   */
  once(callback: OnceCallback<T>, options?: OnceOptions): this;
  once(options?: OnceOptions): Awaitable<Chain<T>, DataOf<T> | undefined>;
  once(first?: OnceCallback<T> | OnceOptions, second?: OnceOptions): unknown {
    this.#read();
    const core = this.#core;
    if (typeof first === 'function') {
      const scope = core.open(this.#path);
      const event = { off: () => scope.close() };
      once(core, this.#path, second?.wait, scope, ({ data, position }) => tell(core, first as never, data, position, event));
      return this;
    }
    const waitMs = first?.wait;
    const chain = this.#next({ kind: 'once', waitMs });
    let found: Promise<unknown> | undefined;
    return this.awaitable(chain, () => (found ??= this.#find(waitMs)));
  }

  /** Called with the key when it is known that nothing is here. */
  not(callback: (this: any, key: string) => void, options: OnceOptions = {}): this {
    this.#read();
    not(this.#core, this.#path, options.wait, callback);
    return this;
  }

  /** Every item of this node, those that come later too; with a function or a lex, those that it lets pass. */
  map(): Chain<ItemOf<T>>;
  map<Out>(fn: (this: any, data: DataOf<ItemOf<T>>, key: string) => Out): Chain<any>;
  map(lex: object): Chain<ItemOf<T>>;
  map(by?: object | MapFunction): Chain<any> {
    const fn = typeof by === 'function' ? (by as MapFunction) : undefined;
    const chain = this.#next({ kind: 'map', fn, lex: fn || !by ? undefined : readLex(by) });
    if (fn) {
      const scope = this.#core.open(chain.#path);
      chain.#eager = scope;
      observe(this.#core, chain.#path, { live: true, absenceMs: undefined }, scope, () => undefined);
    }
    return chain;
  }

  /** Ends every listener of this chain and of those that go on from it. */
  off(): this {
    this.#core.off(this.#path);
    return this;
  }

  /** The chain so many words before; -1 or Infinity for the root. */
  back(words = 1): Chain<any> {
    let path = this.#path;
    for (let left = words < 0 ? Number.POSITIVE_INFINITY : words; left > 0 && path; left--) path = path.parent;
    return this.#core.chain(path) as Chain<any>;
  }

  /** Calls back with this node and all it links to as one object, and again when any of it changes. */
  open(callback: (this: any, document: DocumentOf<T>, key: string) => void, options: DocumentOptions = {}): this {
    this.#read();
    const core = this.#core;
    const scope = core.open(this.#path);
    follow(core, this.#path, options, scope, (document, position) => {
      if (document !== undefined && !scope.closed) core.call(() => callback.call(this, document as DocumentOf<T>, position.key));
    });
    return this;
  }

  /** This node and all it links to as one object, as soon as all of it was found or looked for. */
  load(options?: DocumentOptions): Promise<DocumentOf<T> | undefined>;
  load(callback: (this: any, document: DocumentOf<T> | undefined, key: string) => void, options?: DocumentOptions): this;
  load(first?: DocumentOptions | ((this: any, document: DocumentOf<T> | undefined, key: string) => void), second: DocumentOptions = {}): unknown {
    this.#read();
    const core = this.#core;
    const scope = core.open(this.#path);
    const take = (options: DocumentOptions, then: (document: DocumentOf<T> | undefined, key: string) => void): void =>
      follow(core, this.#path, options, scope, (document, position, whole) => {
        if (!whole || scope.closed) return;
        scope.close();
        then(document as DocumentOf<T> | undefined, position.key);
      });
    if (typeof first !== 'function') return new Promise((resolve) => take(first ?? {}, resolve));
    take(second, (document, key) => core.call(() => first.call(this, document, key)));
    return this;
  }

  /** Makes a chain awaitable for the outcome of the word that gave it. */
  protected awaitable<C extends Chain, Result>(chain: C, result: () => Promise<unknown>): Awaitable<C, Result> {
    const then: PromiseLike<unknown>['then'] = (done, failed) => result().then(done, failed);
    // oxlint-disable-next-line unicorn/no-thenable -- awaiting is what it is for
    return Object.defineProperty(chain, 'then', { value: then }) as Awaitable<C, Result>;
  }

  #next(step: Step): Chain<any> {
    this.#read();
    return this.#core.chain({ parent: this.#path, step }) as Chain<any>;
  }

  #read(): void {
    this.#eager?.close();
    this.#eager = undefined;
  }

  #write(data: unknown, callback: AckCallback | undefined, options: PutOptions, item: boolean): Awaitable<Chain<T>, PutDone> {
    const core = this.#core;
    const result: Write = write(core, { path: this.#path, data, callback, options, item, pathOf: (x) => Chain.pathOf(x, core) });
    return this.awaitable(core.chain(result.path) as Chain<T>, () => {
      result.awaited = true;
      return result.done;
    });
  }

  #find(waitMs: number | undefined): Promise<unknown> {
    const core = this.#core;
    if (isMany(this.#path)) return Promise.reject(new PangeaError('GRAPH_INVALID', 'A chain of many has no single value; read it with a callback or `on()`.'));
    return new Promise((resolve) => once(core, this.#path, waitMs, core.open(this.#path), ({ data }) => resolve(data)));
  }
}

import { Chain, nodeData, type AckCallback, type Awaitable, type Core, type Path, type PutOptions } from '../chain/chain.ts';
import { createUser } from '../sea/sea.ts';
import type { Emitter } from './emitter.ts';
import { readOptions } from './options.ts';
import type { Root } from './root.ts';

/** What `chain._` gives below the root. */
interface At {
  readonly $: GunChain;
  readonly root: Root;
  readonly id: number;
  readonly get: string | undefined;
  /** Of a node that was taken by its soul; `has` is the key of a field. */
  readonly soul: string | undefined;
  readonly has: string | undefined;
  readonly back: At | Root | undefined;
  /** What is here, as far as it is in memory. */
  readonly put: unknown;
  readonly link: string | undefined;
  on: Emitter['on'];
}

/** The words of a chain with gun.js's own call forms, and those that only gun.js has. `Gun.chain` is its prototype. */
export class GunChain extends Chain<any> {
  readonly #root: Root;
  readonly #core: Core;
  readonly #path: Path | undefined;

  constructor(core: Core, path: Path | undefined, root: Root) {
    super(core, path);
    this.#root = root;
    this.#core = core;
    this.#path = path;
  }

  get _(): At | Root {
    return this.#path ? this.#at(this.#path) : this.#root;
  }

  /** As GUN, a key of no length is no error of the program: nothing is there, and the callback hears so. */
  override get(key: any, callback?: any, options?: unknown): any {
    if (typeof key === 'function' && callback === true) return this.#soul(key as (soul: string | undefined) => void);
    if (key === '' || key === null || key === undefined) {
      const err = '0 length key!';
      if (typeof callback === 'function') callback.call(this, { err });
      return this.#core.chain({ parent: this.#path, step: { kind: 'lex', lex: { '=': '' } } });
    }
    if (key instanceof GunChain) return key;
    const chain = super.get(key);
    return typeof key !== 'function' && typeof callback === 'function' ? (chain as GunChain).get(callback, options) : chain;
  }

  override put(data: any, callback?: any, options: any = {}): any {
    return super.put(data, callbackOf(callback), putOptions(options));
  }

  override set(item: any, callback?: any, options: any = {}): any {
    return super.set(item, callbackOf(callback), putOptions(options));
  }

  /** With a tag: GUN's events (`hi`, `bye`, `auth`, `in`, `out`). */
  override on(first: any, second?: any, third?: any): any {
    if (typeof first !== 'string') return typeof first === 'function' ? super.on(first, second) : super.on(first);
    if (second === undefined) return (this.#root.tag ?? {})[first];
    this.#root.on(first, second, third);
    return this;
  }

  override once(callback?: any, options: any = {}): any {
    // GUN takes a wait of 0 for its default.
    const wait = typeof options?.wait === 'number' && options.wait > 0 ? { wait: options.wait as number } : {};
    return typeof callback === 'function' ? super.once(callback, wait) : super.once(wait);
  }

  /** Words back, to the root with -1; the first that a function gives something for; or one of GUN's names at the root. */
  override back(words: any = 1, options?: unknown): any {
    if (typeof words === 'number') return super.back(words);
    if (typeof words === 'function') {
      for (let path = this.#path; ; path = path?.parent) {
        const chain = this.#core.chain(path) as GunChain;
        const found: unknown = words.call(this, chain._, options);
        if (found !== undefined) return found;
        if (!path) return undefined;
      }
    }
    const names: readonly string[] = Array.isArray(words) ? (words as string[]) : String(words).split('.');
    let at: unknown = this.#root;
    for (const name of names) at = (at as Record<string, unknown> | undefined)?.[name];
    return at;
  }

  opt(options: unknown): this {
    this.#root.add(readOptions(options));
    return this;
  }

  /** Without a key, whoever logs in here; with one, that user's node. */
  user(pub?: any): any {
    const root = this.#root.$;
    const key: unknown = typeof pub === 'string' ? pub : (pub?.pub ?? pub?.is?.pub);
    if (typeof key === 'string') return root.get(key.startsWith('~') ? key : `~${key}`);
    const { sea, parts: { session } } = this.#root;
    if (!session) return undefined;
    return (this.#root.user ??= createUser<Chain>({ root, session, sea, log: this.#core.log }));
  }

  /** Takes a node out of a set. */
  unset(item: any): this {
    const take = (soul: string | undefined): void => {
      if (soul !== undefined) super.get(soul).put(null);
    };
    if (item instanceof GunChain) item.#soul(take);
    else take(item?._?.['#'] ?? item?.['#']);
    return this;
  }

  /** Whoever awaits a chain gets what is there. */
  // oxlint-disable-next-line unicorn/no-thenable -- gun.js with SEA has it, and programs await chains
  then(done?: any, failed?: any): Promise<any> {
    return new Promise((resolve) => this.once((data: unknown) => resolve(data))).then(done, failed);
  }

  /** GUN's chains give what is there to `await`, whichever word gave them. */
  protected override awaitable<C extends Chain, Result>(chain: C): Awaitable<C, Result> {
    return chain as Awaitable<C, Result>;
  }

  #soul(callback: (soul: string | undefined) => void): this {
    super.get((message: { readonly put: unknown; readonly '#': string | undefined }, event: { off(): void }) => {
      event.off();
      const soul = (message.put as { _?: { '#'?: string } } | undefined)?._?.['#'];
      callback.call(this, soul ?? (this.#path?.parent ? undefined : message['#']));
    });
    return this;
  }

  #at(path: Path): At {
    const root = this.#root;
    const core = this.#core;
    const key = path.step.kind === 'key' ? path.step.key : undefined;
    const find = (): unknown => here(core, path);
    return {
      $: this,
      root,
      id: 0,
      get: key,
      soul: path.parent ? undefined : key,
      has: path.parent ? key : undefined,
      get back() {
        return (core.chain(path.parent) as GunChain)._ as At;
      },
      get put() {
        return find();
      },
      get link() {
        return (find() as { _?: { '#'?: string } } | undefined)?._?.['#'];
      },
      on: (name, listener, as) => root.on(name, listener, as),
    };
  }
}

function here(core: Core, path: Path): unknown {
  if (path.step.kind !== 'key') return undefined;
  const node = (soul: string): unknown => {
    const found = core.peer.peek(soul);
    return found && nodeData(soul, found.fields());
  };
  if (!path.parent) return node(path.step.key);
  const above = here(core, path.parent);
  const value: unknown = typeof above === 'object' && above !== null ? (above as Record<string, unknown>)[path.step.key] : undefined;
  return typeof value === 'object' && value !== null ? node((value as { '#': string })['#']) : value;
}

function callbackOf(callback: unknown): AckCallback | undefined {
  return typeof callback === 'function' ? (callback as AckCallback) : undefined;
}

function putOptions(options: any): PutOptions {
  const { acks, lack, opt, cert } = options ?? {};
  const inner = typeof opt === 'object' && opt !== null ? opt : cert === undefined ? undefined : { cert };
  return {
    ...(typeof acks === 'number' ? { acks } : {}),
    ...(typeof lack === 'number' ? { lack } : {}),
    ...(inner ? { opt: inner as Record<string, unknown> } : {}),
  };
}

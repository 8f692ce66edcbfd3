/**
 * A drop-in for programs written for gun.js: `Gun(…)`, `new Gun(…)`, `Gun.is/valid/state/on/log`, chains with GUN's call
 * forms and as much of `gun._` as programs use. `node.ts` gives it with a store on disk, `page.ts` for pages.
 *
 * Promises: what the chain promises, under GUN's names; nothing is added to `Object`, `String` or `setTimeout`, as gun.js does.
 * Not here: GUN's storage plugins (`root.on('put')`, `root.on('get')`), RAD, YSON, and its deprecated `Gun.obj`, `Gun.text` and the like.
 */
import { Core, type Path } from '../chain/chain.ts';
import type { Assembled, OpenOptions } from '../open.ts';
import { createSea, type Sea } from '../sea/sea.ts';
import { on } from './emitter.ts';
import { readOptions, urlsOf, type GunOptions } from './options.ts';
import { Root } from './root.ts';
import { state, valid, type State } from './statics.ts';
import { GunChain } from './words.ts';

export { GunChain } from './words.ts';
export { wantsStore, type GunOptions } from './options.ts';

/** What a platform adds. */
export interface GunHost {
  /** Opens what is under a graph: with `assemble`, from a program's options and what follows from them for every platform. */
  open(options: GunOptions, base: OpenOptions): Assembled;
  readonly log?: (text: string) => void;
}

export interface GunFunction {
  (options?: unknown): GunChain;
  new (options?: unknown): GunChain;
  prototype: GunChain;
  /** Words that are added here are words of every chain. */
  readonly chain: GunChain;
  readonly version: string;
  readonly SEA: Sea;
  is(x: unknown): boolean;
  readonly valid: typeof valid;
  readonly state: State;
  readonly on: typeof on;
  readonly log: ((...texts: unknown[]) => unknown) & { once(name: string, ...texts: unknown[]): unknown; off?: boolean };
  [name: string]: unknown;
}

export function createGun(host: GunHost): GunFunction {
  const Gun = function open(given?: unknown): GunChain {
    if (given instanceof GunChain) return given.back(-1) as GunChain;
    const options = readOptions(given);
    const log = host.log ?? ((text: string) => Gun.log(text));
    const parts = host.open(options, { log, expectsPeers: urlsOf(options).length > 0 });
    const root = new Root(parts, { peers: {}, ...options }, Gun.SEA);
    const core: Core = new Core(root.seen.over(parts.plain), parts.clock, parts.random, (path: Path | undefined) => (path ? new GunChain(core, path, root) : root.$), parts.chain);
    const gun = new GunChain(core, undefined, root);
    root.$ = gun;
    Gun.on('opt', root);
    root.add({ peers: options.peers ?? {} });
    Gun.on('create', root);
    return gun;
  } as GunFunction;

  const once = new Set<string>();
  const log = (...texts: unknown[]): unknown => {
    if (!log.off) console.log(...texts);
    return texts.map(String).join(' ');
  };
  log.off = false;
  log.once = (name: string, ...texts: unknown[]): unknown => {
    if (once.has(name)) return undefined;
    once.add(name);
    return log(...texts);
  };
  Object.assign(Gun, {
    chain: GunChain.prototype,
    version: 0.2020,
    is: (x: unknown) => x instanceof GunChain,
    SEA: createSea(),
    valid, state, on, log,
  });
  Object.defineProperty(Gun, 'prototype', { value: GunChain.prototype });
  return Gun;
}


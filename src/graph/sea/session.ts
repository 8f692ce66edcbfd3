import { PangeaError } from '../../errors/errors.ts';
import type { Clock } from '../../std/std.ts';
import type { GraphNode } from '../data/node.ts';
import type { Delta, Value } from '../data/types.ts';
import type { GraphPeer } from '../peer/peer.ts';
import { type Lookup } from './access.ts';
import { type Account, openAccount, readAccount, sealAccount } from './account.ts';
import { createAuthor } from './author.ts';
import { parseSea } from './format.ts';
import { generatePair, isPair, isPub, type Pair } from './keys.ts';
import { plainValue } from './packed.ts';
import type { SessionStore } from './session-store.ts';
import { Verifier } from './verifier.ts';

export interface Identity {
  readonly pub: string;
  readonly epub: string;
  readonly alias: string;
}

export interface SessionOptions {
  readonly peer: GraphPeer;
  readonly clock: Clock;
  /** The guard's, so that what is signed here is not verified again. */
  readonly verifier?: Verifier;
  readonly lookup?: Lookup;
  /** For `recall`; without it a login ends with the process. */
  readonly store?: SessionStore;
  /** Peers are configured, although none may be connected yet. Default false. */
  readonly expectsPeers?: boolean;
  /** How long peers are asked for an account. Default 3,000. */
  readonly waitMs?: number;
}

export interface CreateOptions {
  readonly already?: boolean;
  readonly quiet?: boolean;
}

/** As SEA's. */
const minPasswordChars = 8;
/** Anybody can add links to an alias: so many are looked up. */
const maxLinks = 1_024;
/** Accounts that are tried; each costs a stretched password. */
const maxCandidates = 128;

type Nodes = readonly (readonly [soul: string, fields: Readonly<Record<string, Value>>])[];

/** A few hundred signatures are checked in this time. */
const arrivalMs = 100;

/** One person at a time, as in GUN: whatever is written to the own graph while logged in is signed. */
export class Session {
  readonly #options: SessionOptions;
  readonly #peer: GraphPeer;
  readonly #waitMs: number;
  readonly #verifier: Verifier;
  readonly #listeners = new Set<(who: Identity | undefined) => void>();
  #is: Identity | undefined;
  #pair: Pair | undefined;
  #busy = false;
  #remember = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#peer = options.peer;
    this.#waitMs = options.waitMs ?? 3_000;
    this.#verifier = options.verifier ?? new Verifier();
  }

  get is(): Identity | undefined {
    return this.#is;
  }

  /** The keys of whoever is logged in. */
  get pair(): Pair | undefined {
    return this.#pair;
  }

  get busy(): boolean {
    return this.#busy;
  }

  /** The own graph begins here. */
  get soul(): string | undefined {
    return this.#is && `~${this.#is.pub}`;
  }

  /** Told of each login, and with undefined when it ends. Returns the release. */
  onChange(listener: (who: Identity | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * A new account, and logged in as it. `already` lets an alias that somebody uses be used again: accounts are told apart
   * by their keys. `quiet`: nobody is told and nothing kept for `recall`, as in GUN, where programs call `auth` next.
   * Fails with DENIED and GUN's reason, TOO_MANY while another call runs.
   */
  create(alias: string, password: string, options: CreateOptions & { readonly pair?: Pair } = {}): Promise<Identity> {
    return this.#alone(async () => {
      if (alias === '') throw new PangeaError('DENIED', 'No user.');
      refuseShort(password);
      return this.#create(alias, password, options, options.pair);
    });
  }

  /** An account for a pair that exists, under its own key as alias. No password opens it. */
  createFrom(pair: Pair, { quiet = false }: Pick<CreateOptions, 'quiet'> = {}): Promise<Identity> {
    return this.#alone(() => this.#create(pair.pub, pair, { already: true, quiet }, pair));
  }

  /** Logs in. `who` is an alias or a public key. `change`: the new password. Fails with DENIED, WRONG_KEY or TOO_MANY. */
  auth(who: string | { readonly pub: string }, password: string, options: { readonly change?: string } = {}): Promise<Identity> {
    return this.#alone(async () => {
      if (options.change !== undefined) refuseShort(options.change);
      const [account, pair] = await this.#find(who, password);
      if (options.change !== undefined) {
        const auth = await sealAccount(pair, options.change);
        this.#login(pair, account.alias ?? pair.pub);
        await this.#signed([[`~${pair.pub}`, { auth }]]);
      }
      return this.use(pair, typeof who === 'string' ? who : (account.alias ?? pair.pub));
    });
  }

  /** Logs in with a pair; whether its halves belong together shows with the first write. Fails with NO_KEY. */
  use(pair: Pair, alias: string = pair.pub): Identity {
    if (!isPair(pair)) throw new PangeaError('NO_KEY', 'this is not a pair of keys');
    const who = this.#login(pair, alias);
    this.#tell(who, pair);
    return who;
  }

  leave(): void {
    const was = this.#is;
    this.#is = undefined;
    this.#pair = undefined;
    this.#peer.setAuthor(undefined);
    this.#options.store?.clear();
    if (was) for (const listener of this.#listeners) listener(undefined);
  }

  /** From now on logins are kept in the session store; whoever was kept there is logged in again. */
  recall(): Identity | undefined {
    this.#remember = true;
    const kept = parseSea(this.#options.store?.load());
    if (!isPair(kept)) return undefined;
    const { pub, priv, epub, epriv } = kept;
    const { alias = this.#aliasOf(pub) } = kept as { readonly alias?: unknown };
    return this.use({ pub, priv, epub, epriv }, typeof alias === 'string' ? alias : pub);
  }

  /** Empties the own node. Key and alias stay: nobody can take back that they were used. */
  async remove(): Promise<void> {
    const soul = this.soul;
    if (soul === undefined) throw new PangeaError('DENIED', 'Not logged in.');
    const node = await this.#peer.load(soul);
    const keys = [...(node?.keys() ?? [])].filter((key) => key !== 'pub');
    if (keys.length > 0) await this.#put([[soul, Object.fromEntries(keys.map((key) => [key, null]))]]);
    this.leave();
  }

  async #alone<T>(run: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new PangeaError('TOO_MANY', 'User is already being created or authenticated!');
    this.#busy = true;
    try {
      return await run();
    } finally {
      this.#busy = false;
    }
  }

  async #create(alias: string, password: unknown, { already, quiet }: CreateOptions, given: Pair | undefined): Promise<Identity> {
    const names = `~@${alias}`;
    if (already !== true && ((await this.#load(names, 'network'))?.size ?? 0) > 0) throw new PangeaError('DENIED', 'User already created!');
    const pair = given ?? (await generatePair());
    const auth = await sealAccount(pair, password);
    const soul = `~${pair.pub}`;
    const who = this.#login(pair, alias);
    await this.#signed([[soul, { pub: pair.pub, alias, epub: pair.epub, auth }], [names, { [soul]: { '#': soul } }]]);
    if (quiet !== true) this.#tell(who, pair);
    return who;
  }

  #tell(who: Identity, pair: Pair): void {
    // gun.js keeps the pair alone, and takes no offence at more.
    if (this.#remember) this.#options.store?.save(JSON.stringify(who.alias === pair.pub ? pair : { ...pair, alias: who.alias }));
    for (const listener of this.#listeners) listener(who);
  }

  /** Undefined when the account is not in memory. */
  #aliasOf(pub: string): Value | undefined {
    const soul = `~${pub}`;
    const alias = this.#peer.peek(soul)?.value('alias');
    return alias === undefined ? undefined : plainValue(soul, 'alias', alias);
  }

  /** The first write of a login: without it nobody is logged in. */
  async #signed(nodes: Nodes): Promise<void> {
    try {
      await this.#put(nodes);
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  #login(pair: Pair, alias: string): Identity {
    const { lookup } = this.#options;
    this.#is = { pub: pair.pub, epub: pair.epub, alias };
    this.#pair = pair;
    this.#peer.setAuthor(createAuthor({ pair, verifier: this.#verifier, ...(lookup ? { lookup } : {}) }));
    return this.#is;
  }

  async #put(nodes: Nodes): Promise<void> {
    const state = this.#peer.nextState();
    const deltas = nodes.map(([soul, fields]): Delta => ({ soul, fields: Object.entries(fields).map(([key, value]) => ({ key, value, state })) }));
    await this.#peer.put(deltas);
  }

  /** First among the accounts that are here, then among those that peers know. */
  async #find(who: string | { readonly pub: string }, password: string): Promise<readonly [Account, Pair]> {
    const tried = new Set<string>();
    for (const where of ['here', 'network'] as const) {
      const souls = (await this.#candidates(who, where)).filter((soul) => !tried.has(soul)).slice(0, maxLinks);
      // All at once: accounts that nobody has, added to an alias to make people wait, cost one wait together.
      for (const account of await Promise.all(souls.map((soul) => this.#account(soul, where)))) {
        if (!account || tried.size >= maxCandidates) continue;
        tried.add(`~${account.pub}`);
        const pair = await openAccount(account, password);
        if (pair) return [account, pair];
      }
    }
    throw new PangeaError('WRONG_KEY', 'Wrong user or password.');
  }

  /** What an alias names but is not here may be on its way through the guard: it gets a moment. */
  async #account(soul: string, where: 'here' | 'network'): Promise<Account | undefined> {
    const account = await readAccount(await this.#load(soul, where));
    if (account || where === 'here') return account;
    await this.#arrival(soul);
    return readAccount(await this.#peer.load(soul));
  }

  #arrival(soul: string): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        release();
        resolve();
      };
      const timer = this.#options.clock.after(arrivalMs, done);
      const release = this.#peer.watch(soul, done);
    });
  }

  async #candidates(who: string | { readonly pub: string }, where: 'here' | 'network'): Promise<string[]> {
    if (typeof who !== 'string') return [`~${who.pub}`];
    const node = await this.#load(`~@${who}`, where);
    const souls = [...(node?.fields() ?? [])].sort((a, b) => a.state - b.state).map(({ key }) => key);
    return isPub(who) ? [`~${who}`, ...souls] : souls;
  }

  async #load(soul: string, where: 'here' | 'network'): Promise<GraphNode | undefined> {
    if (where === 'network' && (await this.#reachable())) await this.#peer.ask({ soul }, { waitMs: this.#waitMs });
    return this.#peer.load(soul);
  }

  async #reachable(): Promise<boolean> {
    if (this.#peer.mesh.peers().length > 0) return true;
    if (this.#options.expectsPeers !== true) return false;
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(this.#waitMs, () => done(false));
      const release = this.#peer.onPeer((change) => change === 'hi' && done(true));
      const done = (came: boolean): void => {
        timer.cancel();
        release();
        resolve(came);
      };
    });
  }
}

function refuseShort(password: string): void {
  if (password.length < minPasswordChars) throw new PangeaError('DENIED', 'Password too short!');
}

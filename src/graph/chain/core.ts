import type { Clock, Random } from '../../std/std.ts';
import type { GraphNode } from '../data/node.ts';
import type { Delta, Query, Value } from '../data/types.ts';
import type { Asked, GraphPeer } from '../peer/peer.ts';
import { Hub } from './hub.ts';
import type { Place } from './position.ts';
import { Scope } from './scope.ts';
import { rootKey, startsWith, type Path } from './step.ts';

export interface ChainOptions {
  /** Peers are configured, although none may be connected yet: reads wait for the first one. Default false. */
  readonly expectsPeers?: boolean;
  /** How long `once` looks for what is not here. Default 2,000. */
  readonly onceMs?: number;
  /** How long `once` waits for news of a node that is here, when peers are connected. Default 99, as GUN's `wait`. */
  readonly settleMs?: number;
  /** How long a nested put waits to learn which souls its children have. Default 500. */
  readonly putMs?: number;
  /** The node of whoever is logged in: items of users' sets lie below it, so that they are signed. Default: nobody. */
  readonly owner?: () => string | undefined;
  /** Told of errors for which the caller gave neither callback nor `await`. Default: nobody. */
  readonly log?: (text: string) => void;
}

/** What a chain needs of a peer. */
export type ChainPeer = Pick<
  GraphPeer,
  'mesh' | 'nextState' | 'peek' | 'resident' | 'load' | 'range' | 'souls' | 'watch' | 'watchAll' | 'put' | 'ask' | 'subscribe' | 'onPeer'
>;

/** What all chains of one graph share. */
export class Core {
  readonly peer: ChainPeer;
  readonly clock: Clock;
  readonly random: Random;
  readonly hub: Hub;
  readonly onceMs: number;
  readonly settleMs: number;
  readonly putMs: number;
  readonly log: (text: string) => void;
  readonly owner: () => string | undefined;
  /** The chain of a path, as callbacks get it for `this`. */
  readonly chain: (path: Path | undefined) => unknown;
  /** The last put that waits for what decides its souls; those after it wait for it. */
  pending: Promise<void> | undefined;
  readonly #waiting = new Map<string, Promise<void>>();
  /** Puts to users' nodes, which are signed before they are merged; and the last of them for each field. */
  readonly #signing = new Set<Promise<unknown>>();
  readonly #unsigned = new Map<string, Map<string, { readonly value: Value; readonly put: Promise<unknown> }>>();
  #expects: boolean;
  readonly #live = new Map<string, Set<Live>>();

  constructor(peer: ChainPeer, clock: Clock, random: Random, chain: (path: Path | undefined) => unknown, options: ChainOptions = {}) {
    this.chain = chain;
    this.peer = peer;
    this.clock = clock;
    this.random = random;
    this.hub = new Hub(peer);
    this.#expects = options.expectsPeers ?? false;
    this.onceMs = options.onceMs ?? 2_000;
    this.settleMs = options.settleMs ?? 99;
    this.putMs = options.putMs ?? 500;
    this.log = options.log ?? (() => undefined);
    this.owner = options.owner ?? (() => undefined);
  }

  /** Puts that cannot be read yet. Reads that would say "nothing" wait for them. */
  unread(): Promise<unknown> | undefined {
    if (this.#signing.size === 0) return this.pending;
    return Promise.allSettled([this.pending, this.signing()]);
  }

  /** Until all puts to users' nodes that were called before can be read. */
  signing(): Promise<unknown> | undefined {
    return this.#signing.size === 0 ? undefined : Promise.allSettled(this.#signing);
  }

  /** Until what this program put under a soul can be read under it. */
  ownWrites(soul: string): Promise<unknown> | undefined {
    const waiting = this.#waiting.get(soul);
    return waiting ? Promise.allSettled([waiting, this.signing()]) : this.signing();
  }

  /** A put under `soul` that comes after all those before it. */
  wait(soul: string, put: Promise<void>): void {
    this.pending = put;
    this.#waiting.set(soul, put);
    void put.then(() => {
      if (this.pending === put) this.pending = undefined;
      if (this.#waiting.get(soul) === put) this.#waiting.delete(soul);
    });
  }

  signed(put: Promise<unknown>, deltas: readonly Delta[]): void {
    this.#signing.add(put);
    for (const { soul, fields } of deltas) {
      const known = this.#unsigned.get(soul) ?? new Map<string, { value: Value; put: Promise<unknown> }>();
      this.#unsigned.set(soul, known);
      for (const { key, value } of fields) known.set(key, { value, put });
    }
    const end = (): void => {
      this.#signing.delete(put);
      for (const { soul, fields } of deltas) {
        const known = this.#unsigned.get(soul);
        for (const { key } of fields) if (known?.get(key)?.put === put) known.delete(key);
        if (known?.size === 0) this.#unsigned.delete(soul);
      }
    };
    put.then(end, end);
  }

  /** As the program wrote it, although it cannot be read yet. */
  written({ soul, key }: Place): Value | undefined {
    const unsigned = this.#unsigned.get(soul)?.get(key);
    return unsigned ? unsigned.value : this.peer.peek(soul)?.value(key);
  }

  /** A peer is there that has said its name: one that has not may never answer. */
  connected(): boolean {
    return this.peer.mesh.peers().some(({ pid }) => pid !== '');
  }

  /** Somebody could know more than this peer. */
  reachable(): boolean {
    return this.#expects || this.connected();
  }

  /** Asks the peers; when none has come yet and one is expected, waits for it as long. Never fails. */
  async ask(query: Query, waitMs: number): Promise<Asked> {
    const before = this.clock.monotonicMs();
    if (!this.connected() && !(await this.#firstPeer(waitMs))) return 'silent';
    const leftMs = waitMs - (this.clock.monotonicMs() - before);
    try {
      return await this.peer.ask(query, { waitMs: Math.max(1, leftMs) });
    } catch {
      // Only a closing peer fails here, and it has no answer either.
      return 'silent';
    } finally {
      // What came is known to the listeners before the asker goes on.
      this.hub.turn(() => undefined);
    }
  }

  /** Calls `then` with the node, at once when it is in memory; with undefined where there is none here. */
  load(soul: string, scope: Scope, then: (node: GraphNode | undefined) => void): void {
    if (this.peer.resident(soul)) return this.hub.turn(() => then(this.peer.peek(soul)));
    this.peer.load(soul).then(
      (node) => {
        if (!scope.closed) this.hub.turn(() => then(this.peer.peek(soul) ?? node));
      },
      (error: unknown) => {
        this.log(`the node ${soul} cannot be read: ${String(error)}`);
        if (!scope.closed) this.hub.turn(() => then(undefined));
      },
    );
  }

  /** A subscription by a chain: `off()` on that chain, or one above it, ends it. */
  open(path: Path | undefined): Scope {
    const first = rootKey(path);
    const scope = new Scope();
    const live: Live = { path, scope };
    const all = this.#live.get(first) ?? new Set();
    this.#live.set(first, all.add(live));
    scope.onClose(() => {
      all.delete(live);
      if (all.size === 0 && this.#live.get(first) === all) this.#live.delete(first);
    });
    return scope;
  }

  off(path: Path | undefined): void {
    const candidates = path ? [this.#live.get(rootKey(path))] : [...this.#live.values()];
    for (const all of candidates) {
      for (const { path: other, scope } of all ?? []) if (startsWith(other, path)) scope.close();
    }
  }

  /** Runs a callback of the program. What it throws is the program's error, not that of the merge it runs after. */
  call(run: () => void): void {
    try {
      run();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #firstPeer(waitMs: number): Promise<boolean> {
    if (!this.#expects) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (came: boolean): void => {
        release();
        timer.cancel();
        resolve(came);
      };
      const release = this.peer.onPeer((change) => {
        if (change === 'hi') end(true);
      });
      const timer = this.clock.after(waitMs, () => {
        // Offline: later reads need not wait again, what comes with a peer reaches them through subscriptions.
        this.#expects = false;
        end(false);
      });
    });
  }
}

interface Live {
  readonly path: Path | undefined;
  readonly scope: Scope;
}

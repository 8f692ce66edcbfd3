import type { Clock, Random } from '../../std/std.ts';
import { randomId } from '../data/random-id.ts';
import type { Connection } from './connection.ts';
import type { IncomingGet, IncomingPut, MeshHandler, MeshPeer, Violation } from './dam.ts';
import { Generations } from './generations.ts';
import { defaultLimits, type DamLimits } from './limits.ts';
import type { Message } from './message.ts';
import { Subscriptions } from './subscriptions.ts';

export interface MeshOptions {
  readonly handler: MeshHandler;
  readonly clock: Clock;
  readonly random: Random;
  readonly pid?: string;
  /** False in browsers and other ends of the mesh: then peers send only what was asked for. */
  readonly relay: boolean;
  readonly limits?: Partial<DamLimits>;
  /** Told of every broken rule, so it must be quick. */
  readonly onViolation?: (peer: MeshPeer, violation: Violation, detail: string) => void;
}

/** What an id of a message stands for, for as long as answers to it may come. */
export type Route =
  | { readonly kind: 'seen' | 'own-put' | 'own-get' }
  | { readonly kind: 'put'; readonly to: Connection; readonly id: string; left: number }
  | GetRoute;

export interface GetRoute {
  readonly kind: 'get';
  readonly to: Connection;
  readonly id: string;
  answered: boolean;
}

const seen: Route = { kind: 'seen' };

/** What the hearing and the speaking half of a mesh share. */
export class MeshState {
  readonly options: MeshOptions;
  readonly limits: DamLimits;
  readonly pid: string;
  readonly connections = new Map<number, Connection>();
  readonly subscriptions: Subscriptions<Connection>;
  readonly routes: Generations<Route>;
  /** The outside of messages that the graph holds in its hands. */
  readonly messages = new WeakMap<IncomingPut | IncomingGet, Message>();
  readonly violations: Partial<Record<Violation, number>> = {};
  readonly counts = { framesIn: 0, framesOut: 0, messagesIn: 0, messagesOut: 0, duplicates: 0, relayed: 0 };

  constructor(options: MeshOptions) {
    this.options = options;
    this.limits = { ...defaultLimits, ...options.limits };
    this.pid = options.pid ?? randomId(options.random);
    this.subscriptions = new Subscriptions(this.limits);
    this.routes = new Generations(options.clock, this.limits.duplicateTtlMs, this.limits.duplicateLimit);
  }

  #relays: readonly Connection[] | undefined;

  /** To be called whenever a connection comes, goes, or turns out to be something else. */
  changed(): void {
    this.#relays = undefined;
  }

  /** All relays, each once: of two wires to the same one, that which we dialled, since nobody else can pretend to be at its other end. */
  relays(): readonly Connection[] {
    if (this.#relays) return this.#relays;
    const all = [...this.connections.values()];
    const dialled = new Set(all.filter((each) => each.dialled && each.pid !== '').map((each) => each.pid));
    this.#relays = all.filter((each) => each.relay && (each.dialled || !dialled.has(each.pid)));
    return this.#relays;
  }

  connection(peer: MeshPeer | undefined): Connection | undefined {
    return peer && this.connections.get(peer.id);
  }

  newId(): string {
    return randomId(this.options.random);
  }

  track(id: string, route: Route = seen): string {
    this.routes.set(id, route);
    return id;
  }

  send(to: Connection, text: string): void {
    this.counts.messagesOut++;
    to.outgoing.message(text);
  }

  /** An error message to the peer itself, unless it got too many already. */
  complain(to: Connection, message: Readonly<Record<string, unknown>>): void {
    if (to.closed || !to.errors.tryTake(this.options.clock.monotonicMs())) return;
    this.send(to, JSON.stringify({ '#': this.track(this.newId()), ...message }));
  }

  count(violation: Violation, from: Connection, detail: string): void {
    this.violations[violation] = (this.violations[violation] ?? 0) + 1;
    this.options.onViolation?.(from, violation, detail);
  }
}

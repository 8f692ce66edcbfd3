import type { Clock, Random, Timer } from '../../std/std.ts';
import { checkGraph } from '../data/check.ts';
import { randomId } from '../data/random-id.ts';
import type { Delta, Query } from '../data/types.ts';
import { Addresses } from './addresses.ts';
import { answerPieces } from './answers.ts';
import { Connection } from './connection.ts';
import type { IncomingGet, IncomingPut, Mesh, MeshHandler, MeshPeer, MeshStats, Sent, Violation, Wire, WireSink } from './dam.ts';
import { encodeAck, encodeGet, encodeGraph, encodePut } from './encode.ts';
import { Generations } from './generations.ts';
import { defaultLimits, penalties, type DamLimits } from './limits.ts';
import { type Message, readMessage, within } from './message.ts';
import { isObject, readQuery, writeQuery } from './query.ts';
import { Subscriptions } from './subscriptions.ts';
import { Turns } from './turns.ts';

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
type Route =
  | { readonly kind: 'seen' | 'own-put' | 'own-get' }
  | { readonly kind: 'put'; readonly to: Connection; readonly id: string; left: number }
  | { readonly kind: 'get'; readonly to: Connection; readonly id: string; answered: boolean };

const seen: Route = { kind: 'seen' };
/** As many as gun.js names in `><`. */
const namesInPut = 7;
const leafPidTtlMs = 24 * 3_600_000;
const leafPids = 10_000;
const pidChars = 64;

export function createMesh(options: MeshOptions): Mesh {
  return new DamMesh(options);
}

class DamMesh implements Mesh {
  readonly pid: string;
  readonly #options: MeshOptions;
  readonly #limits: DamLimits;
  readonly #connections = new Map<number, Connection>();
  readonly #addresses: Addresses;
  readonly #subscriptions: Subscriptions<Connection>;
  readonly #routes: Generations<Route>;
  /** Names that once said `hi`: gun.js says it only on its first connection. */
  readonly #leafPids: Generations<true>;
  readonly #messages = new WeakMap<IncomingPut | IncomingGet, Message>();
  readonly #turns: Turns;
  readonly #violations: Partial<Record<Violation, number>> = {};
  readonly #counts = { framesIn: 0, framesOut: 0, messagesIn: 0, messagesOut: 0, duplicates: 0, relayed: 0 };
  #nextId = 1;
  #heart: Timer;
  #closed = false;

  constructor(options: MeshOptions) {
    const { clock, random } = options;
    const limits = { ...defaultLimits, ...options.limits };
    this.#options = options;
    this.#limits = limits;
    this.pid = options.pid ?? randomId(random);
    this.#addresses = new Addresses(limits);
    this.#subscriptions = new Subscriptions(limits);
    this.#routes = new Generations(clock, limits.duplicateTtlMs, limits.duplicateLimit);
    this.#leafPids = new Generations(clock, leafPidTtlMs, leafPids);
    this.#turns = new Turns(clock, limits.turnMs);
    this.#heart = this.#beat();
  }

  attach(wire: Wire): WireSink {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const address = wire.dialled ? undefined : this.#addresses.admit(wire.name, nowMs);
    const connection = new Connection({
      id: this.#nextId++, wire, address, clock, limits: this.#limits,
      encode: (deltas) => encodePut({ id: this.#track(randomId(this.#options.random), seen), put: encodeGraph(deltas) }),
      onMessage: (raw, from) => this.#receive(raw, from),
      onViolation: (from, violation, detail) => this.#fault(from, violation, detail),
      onFrameOut: () => this.#counts.framesOut++,
      onReady: (from) => this.#turns.add(from.inbox),
    });
    const refused = this.#closed ? 'closing' : !wire.dialled && (!address || this.#connections.size >= this.#limits.connections) ? 'connections' : undefined;
    if (refused !== undefined) {
      if (address) this.#addresses.release(address);
      if (refused === 'connections') this.#fault(connection, 'connections', 'too many, or banned');
      connection.release();
      wire.close(refused);
      return { text: () => {}, closed: () => {} };
    }
    this.#connections.set(connection.id, connection);
    this.#hello(connection);
    return { text: (frame) => this.#text(connection, frame), closed: () => this.#lost(connection) };
  }

  put(deltas: readonly Delta[], { id = randomId(this.#options.random), acks, to }: { readonly id?: string; readonly acks?: number; readonly to?: MeshPeer } = {}): Sent {
    this.#track(id, { kind: 'own-put' });
    return { id, peers: this.#spread(id, deltas, { acks, to: this.#connection(to) }) };
  }

  relay(message: IncomingPut, accepted: readonly Delta[]): number {
    const outside = this.#messages.get(message);
    const from = this.#connection(message.from);
    const route = message.answers === undefined ? undefined : this.#routes.get(message.answers);
    const asker = route?.kind === 'get' && route.to !== from ? route.to : undefined;
    // Nothing new to us may still be new to who asked.
    if (asker && route?.kind === 'get') this.#sendAnswer(asker, route, accepted.length > 0 && sameFields(accepted, message.deltas) ? accepted : message.deltas, undefined);
    if (accepted.length === 0) return 0;
    const whole = sameFields(accepted, message.deltas);
    // Part of a message under its name would keep the rest of it from those who have not seen it.
    const id = whole ? message.id : randomId(this.#options.random);
    const wished = budget(outside);
    if (!whole && from) this.#track(id, { kind: 'put', to: from, id: message.id, left: this.#limits.acksPerPut });
    const count = this.#spread(id, accepted, { from, asker, seen: outside?.seen, acks: wished === undefined ? undefined : Math.max(0, wished - 1) });
    if (count > 0) this.#counts.relayed++;
    return count;
  }

  get(query: Query, { known, to }: { readonly known?: number; readonly to?: MeshPeer } = {}): Sent {
    const id = this.#track(randomId(this.#options.random), { kind: 'own-get' });
    const only = this.#connection(to);
    const targets = to ? (only ? [only] : []) : this.#relays(undefined, undefined);
    return { id, peers: this.#ask(id, query, known, targets) };
  }

  relayGet(message: IncomingGet): number {
    const from = this.#connection(message.from);
    const outside = this.#messages.get(message);
    const targets = this.#relays(from, outside?.seen);
    if (!message.from.relay) this.#addLeaves(targets, message.query, from);
    return this.#ask(message.id, message.query, message.known, targets);
  }

  answer(message: IncomingGet, nodes: readonly Delta[]): void {
    const to = this.#connection(message.from);
    if (!to) return;
    const known = this.#routes.get(message.id);
    const route: Extract<Route, { kind: 'get' }> = known?.kind === 'get' && known.to === to ? known : { kind: 'get', to, id: message.id, answered: false };
    if (nodes.length > 0) return this.#sendAnswer(to, route, nodes, message.known);
    if (!route.answered) this.#send(to, encodeAck(this.#track(randomId(this.#options.random), seen), message.id, undefined, undefined));
  }

  ack(id: string, to: MeshPeer, ok: unknown, err?: string): void {
    const connection = this.#connection(to);
    if (connection) this.#send(connection, encodeAck(randomId(this.#options.random), id, err === undefined ? ok : undefined, err));
  }

  extension(verb: string, body: unknown, to: MeshPeer): void {
    const connection = this.#connection(to);
    if (connection?.pangea) this.#send(connection, JSON.stringify({ dam: 'pangea', '#': randomId(this.#options.random), v: verb, b: body }));
  }

  fault(peer: MeshPeer, violation: Violation): void {
    const connection = this.#connection(peer);
    if (connection) this.#fault(connection, violation, 'refused by the graph');
  }

  peers(): readonly MeshPeer[] {
    return [...this.#connections.values()];
  }

  stats(): MeshStats {
    return { peers: this.#connections.size, ...this.#counts, violations: { ...this.#violations } };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#heart.cancel();
    for (const connection of this.#connections.values()) {
      connection.outgoing.flush();
      this.#lost(connection);
      connection.wire.close('closing');
    }
    this.#turns.close();
  }

  // Coming in

  #text(connection: Connection, frame: string): void {
    if (connection.closed || frame === '') return;
    this.#counts.framesIn++;
    if (connection.inbox.take(frame)) this.#turns.add(connection.inbox);
    else this.#complain(connection, { dam: '!', err: 'Message too big!' });
  }

  #receive(raw: unknown, from: Connection): void {
    this.#counts.messagesIn++;
    from.spend(1, 0);
    const message = readMessage(raw, this.#limits);
    if (!message) return this.#fault(from, 'structure', 'no message');
    const id = message.id ?? randomId(this.#options.random);
    if (this.#routes.get(id)) {
      this.#counts.duplicates++;
      return;
    }
    this.#track(id, seen);
    if (message.verb !== undefined) return this.#verb(message.verb, message, from);
    if (message.put !== undefined && message.put !== null) return this.#put(id, message, from);
    if (message.get !== undefined && message.get !== null) return this.#get(id, message, from);
    if (message.answers !== undefined) this.#ack(id, message.answers, message, from);
  }

  #put(id: string, message: Message, from: Connection): void {
    const checked = checkGraph(message.put, this.#limits);
    if (!checked.ok) {
      this.#complain(from, { '@': id, err: `Invalid graph: ${checked.detail}` });
      return this.#fault(from, checked.violation, checked.detail);
    }
    const { deltas } = checked;
    from.spend(0, deltas.reduce((sum, delta) => sum + delta.fields.length, 0));
    const route = message.answers === undefined ? undefined : this.#routes.get(message.answers);
    const answers = route?.kind === 'get' || route?.kind === 'own-get' ? message.answers : undefined;
    if (deltas.length === 0 && answers === undefined) return;
    if (answers === undefined) this.#track(id, { kind: 'put', to: from, id, left: Math.min(this.#limits.acksPerPut, budget(message) ?? this.#limits.acksPerPut) });
    const incoming: IncomingPut = { id, deltas, answers, notFound: deltas.length === 0, from };
    this.#messages.set(incoming, message);
    this.#options.handler.put(incoming);
  }

  #get(id: string, message: Message, from: Connection): void {
    const query = readQuery(message.get, this.#limits);
    // No penalty: gun.js itself asks for an empty soul now and then.
    if (!query) return this.#count('structure', from, 'a get that asks for nothing');
    if (!from.dialled && !from.pangeaRelay) this.#subscriptions.add(from, query);
    this.#track(id, { kind: 'get', to: from, id, answered: false });
    const incoming: IncomingGet = { id, query, known: message.hash, from };
    this.#messages.set(incoming, message);
    this.#options.handler.get(incoming);
  }

  #ack(id: string, answers: string, message: Message, from: Connection): void {
    const route = this.#routes.get(answers);
    switch (route?.kind) {
      case 'own-put':
        return this.#options.handler.ack({ answers, ok: message.ok, err: message.err, from });
      case 'own-get':
      case 'get':
        return this.#options.handler.put({ id, deltas: [], answers, notFound: true, from });
      case 'put':
        if (route.left <= 0 || route.to === from) return;
        route.left--;
        return this.#send(route.to, encodeAck(id, route.id, message.ok, message.err));
      default:
    }
  }

  #verb(verb: string, message: Message, from: Connection): void {
    switch (verb) {
      case '?':
        return this.#name(message, from);
      case 'hi':
        from.leaf = true;
        if (from.pid !== '') this.#leafPids.set(from.pid, true);
        return;
      case 'pangea': {
        const { v, b } = message.raw;
        if (!from.pangea || typeof v !== 'string') return;
        if (!within(b, this.#limits.depth)) return this.#fault(from, 'depth', 'body of an extension');
        return this.#options.handler.extension(v, b, from);
      }
      default:
    }
  }

  /** `?`: who are you? Asked and answered with the same verb. */
  #name(message: Message, from: Connection): void {
    const { pid, pangea } = message.raw;
    if (from.pid === '' && typeof pid === 'string' && pid !== '' && pid.length <= pidChars) {
      from.pid = pid;
      if (isObject(pangea) && pangea['v'] === 1) {
        from.pangea = true;
        from.pangeaRelay = pangea['relay'] === true;
        from.outgoing.packChars = this.#limits.packCharsPangea;
      }
      if (from.leaf) this.#leafPids.set(pid, true);
      else if (this.#leafPids.get(pid)) from.leaf = true;
    }
    if (message.answers === undefined) this.#send(from, this.#helloText(message.id));
    const twin = pid === this.pid || (from.dialled && [...this.#connections.values()].some((other) => other !== from && other.dialled && other.pid !== '' && other.pid === from.pid));
    if (twin) {
      this.#lost(from);
      return from.wire.close(pid === this.pid ? 'self' : 'duplicate');
    }
    if (from.pid !== '') this.#welcome(from);
  }

  // Peers

  #hello(connection: Connection): void {
    if (connection.dialled) {
      if (!this.#options.relay) this.#send(connection, JSON.stringify({ dam: 'hi', '#': randomId(this.#options.random) }));
    } else this.#send(connection, this.#helloText(undefined));
    this.#options.clock.after(this.#limits.helloMs, () => this.#welcome(connection));
  }

  #helloText(answers: string | undefined): string {
    const id = this.#track(randomId(this.#options.random), seen);
    return JSON.stringify({ '#': id, ...(answers === undefined ? {} : { '@': answers }), dam: '?', pid: this.pid, pangea: { v: 1, relay: this.#options.relay } });
  }

  #welcome(connection: Connection): void {
    if (connection.known || connection.closed) return;
    connection.known = true;
    connection.outgoing.start(connection.relay);
    this.#options.handler.hi(connection);
  }

  #lost(connection: Connection): void {
    if (!this.#connections.delete(connection.id)) return;
    connection.release();
    this.#turns.remove(connection.inbox);
    this.#subscriptions.remove(connection);
    if (connection.address) this.#addresses.release(connection.address);
    if (connection.known) this.#options.handler.bye(connection);
  }

  #beat(): Timer {
    return this.#options.clock.after(this.#limits.heartbeatMs, () => {
      this.#routes.sweep();
      this.#leafPids.sweep();
      for (const { dialled, wire } of this.#connections.values()) if (!dialled && wire.buffered() === 0) wire.send('[]');
      this.#heart = this.#beat();
    });
  }

  #connection(peer: MeshPeer | undefined): Connection | undefined {
    return peer && this.#connections.get(peer.id);
  }

  // Going out

  #send(to: Connection, text: string): void {
    this.#counts.messagesOut++;
    to.outgoing.message(text);
  }

  #track(id: string, route: Route): string {
    this.#routes.set(id, route);
    return id;
  }

  #relays(from: Connection | undefined, names: readonly string[] | undefined): Connection[] {
    const dialledPids = new Set<string>();
    for (const { dialled, pid } of this.#connections.values()) if (dialled && pid !== '') dialledPids.add(pid);
    return [...this.#connections.values()].filter((to) =>
      to.relay && to !== from && to.pid !== this.pid && !hasSeen(to, from, names)
      // The same relay over two wires: the one that we dialled is the one that nobody else can pretend to be.
      && (to.dialled || !dialledPids.has(to.pid)));
  }

  #spread(id: string, deltas: readonly Delta[], { from, asker, seen: names, acks, to }: Spread): number {
    const targets = new Map<Connection, readonly number[] | undefined>();
    if (to) targets.set(to, undefined);
    else {
      for (const relay of this.#relays(from, names)) if (relay !== asker) targets.set(relay, undefined);
      for (const [leaf, places] of this.#subscriptions.matching(deltas)) {
        if (leaf !== from && leaf !== asker && !leaf.relay && !hasSeen(leaf, from, names)) targets.set(leaf, places.length === deltas.length ? undefined : places);
      }
    }
    if (targets.size === 0) return 0;
    const told = nameList(targets.keys(), from);
    const write = (part: readonly Delta[]): string => encodePut({ id, put: encodeGraph(part), to: told, acks, near: targets.size });
    const texts = new Map<string, { part: readonly Delta[]; text: string }>();
    for (const [target, places] of targets) {
      const key = places === undefined ? '' : places.join();
      let written = texts.get(key);
      if (!written) {
        const part = places === undefined ? deltas : places.map((at) => deltas[at] as Delta);
        texts.set(key, (written = { part, text: write(part) }));
      }
      this.#counts.messagesOut++;
      if (to) target.outgoing.message(written.text);
      else target.outgoing.update(written.part, written.text);
    }
    return targets.size;
  }

  #ask(id: string, query: Query, known: number | undefined, targets: readonly Connection[]): number {
    if (targets.length === 0) return 0;
    const text = encodeGet(id, writeQuery(query), known, nameList(targets, undefined));
    for (const target of targets) this.#send(target, text);
    return targets.length;
  }

  /** Leaves keep copies too, and in a mesh without stores only they do. Those who asked for the soul come first. */
  #addLeaves(targets: Connection[], { soul }: Query, from: Connection | undefined): void {
    const leaves = new Set<Connection>();
    const wanted = (leaf: Connection): boolean => leaf !== from && !leaf.relay && leaf.known;
    if (typeof soul === 'string') for (const leaf of this.#subscriptions.of(soul)) if (leaves.size < this.#limits.askLeaves && wanted(leaf)) leaves.add(leaf);
    for (const leaf of this.#connections.values()) {
      if (leaves.size >= this.#limits.askLeaves) break;
      if (wanted(leaf)) leaves.add(leaf);
    }
    targets.push(...leaves);
  }

  #sendAnswer(to: Connection, route: Extract<Route, { kind: 'get' }>, nodes: readonly Delta[], known: number | undefined): void {
    route.answered = true;
    const { answerKeys, answerKeysPangea, packChars, packCharsPangea } = this.#limits;
    this.#counts.messagesOut++;
    const pieces = answerPieces({
      answers: route.id, nodes, known, random: this.#options.random,
      fields: to.pangea ? answerKeysPangea : answerKeys, chars: to.pangea ? packCharsPangea : packChars,
    });
    if (!to.outgoing.stream(pieces)) this.#count('memory', to, 'too many answers under way');
  }

  #complain(to: Connection, message: Readonly<Record<string, unknown>>): void {
    if (!to.closed && to.errors.tryTake(this.#options.clock.monotonicMs())) {
      this.#send(to, JSON.stringify({ '#': this.#track(randomId(this.#options.random), seen), ...message }));
    }
  }

  #count(violation: Violation, from: Connection, detail: string): void {
    this.#violations[violation] = (this.#violations[violation] ?? 0) + 1;
    this.#options.onViolation?.(from, violation, detail);
  }

  #fault(from: Connection, violation: Violation, detail: string): void {
    this.#count(violation, from, detail);
    if (!from.address || !this.#addresses.penalise(from.address, penalties[violation], this.#options.clock.monotonicMs())) return;
    for (const connection of this.#connections.values()) {
      if (connection.address !== from.address || (from.address.bannedUntilMs === 0 && connection !== from)) continue;
      this.#lost(connection);
      connection.wire.close('banned');
    }
  }
}

interface Spread {
  readonly from?: Connection | undefined;
  readonly asker?: Connection | undefined;
  readonly seen?: readonly string[] | undefined;
  readonly acks?: number | undefined;
  readonly to?: Connection | undefined;
}

/**
 * gun.js relays name peers in `><` to whom they did not send, so its word counts only for peers that would take
 * the same loss from gun.js.
 */
function hasSeen(to: Connection, from: Connection | undefined, names: readonly string[] | undefined): boolean {
  if (names === undefined || (to.pangea && !from?.pangea)) return false;
  return (to.pid !== '' && names.includes(to.pid)) || names.includes(to.name);
}

function nameList(targets: Iterable<Connection>, from: Connection | undefined): readonly string[] {
  const names: string[] = from && from.pid !== '' ? [from.pid] : [];
  for (const { pid } of targets) {
    if (names.length === namesInPut) break;
    if (pid !== '') names.push(pid);
  }
  return names;
}

function budget(message: Message | undefined): number | undefined {
  const wished = isObject(message?.ok) ? message.ok['@'] : undefined;
  return typeof wished === 'number' && wished >= 0 && wished <= 1000 ? Math.floor(wished) : undefined;
}

/** `accepted` is part of `all`, so the same number of fields means the same fields. */
function sameFields(accepted: readonly Delta[], all: readonly Delta[]): boolean {
  const count = (deltas: readonly Delta[]): number => deltas.reduce((sum, delta) => sum + delta.fields.length, 0);
  return accepted === all || count(accepted) === count(all);
}

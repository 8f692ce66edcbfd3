import type { Timer } from '../../std/std.ts';
import type { Delta, Query } from '../data/types.ts';
import { Addresses } from './addresses.ts';
import { Connection } from './connection.ts';
import type { IncomingGet, IncomingPut, Mesh, MeshPeer, MeshStats, Sent, Violation, Wire, WireSink } from './dam.ts';
import { encodeGraph, encodePut } from './encode.ts';
import { Generations } from './generations.ts';
import { penalties } from './limits.ts';
import { Listener } from './listener.ts';
import type { Message } from './message.ts';
import { isObject } from './query.ts';
import { Speaker } from './speaker.ts';
import { type MeshOptions, MeshState } from './state.ts';
import { Turns } from './turns.ts';

export type { MeshOptions } from './state.ts';

const leafPidTtlMs = 24 * 3_600_000;
const leafPids = 10_000;
const pidChars = 64;
const deaf: WireSink = { text: () => {}, closed: () => {} };

export function createMesh(options: MeshOptions): Mesh {
  return new DamMesh(options);
}

/** The life of connections; what is said on them is the business of its two halves. */
class DamMesh implements Mesh {
  readonly #state: MeshState;
  readonly #speaker: Speaker;
  readonly #listener: Listener;
  readonly #addresses: Addresses;
  /** Names that once said `hi`: gun.js says it only on its first connection. */
  readonly #leafPids: Generations<true>;
  readonly #turns: Turns;
  #nextId = 1;
  #heart: Timer;
  #closed = false;

  constructor(options: MeshOptions) {
    this.#state = new MeshState(options);
    this.#speaker = new Speaker(this.#state);
    this.#listener = new Listener({
      state: this.#state,
      onFault: (from, violation, detail) => this.#fault(from, violation, detail),
      onName: (from, message) => this.#name(from, message),
      onLeaf: (from) => {
        from.leaf = true;
        this.#state.changed();
        if (from.pid !== '') this.#leafPids.set(from.pid, true);
      },
    });
    this.#addresses = new Addresses(this.#state.limits);
    this.#leafPids = new Generations(options.clock, leafPidTtlMs, leafPids);
    this.#turns = new Turns(options.clock, this.#state.limits.turnMs);
    this.#heart = this.#beat();
  }

  get pid(): string {
    return this.#state.pid;
  }

  attach(wire: Wire): WireSink {
    const { limits, connections, counts, options } = this.#state;
    const address = wire.dialled ? undefined : this.#addresses.admit(wire.name, options.clock.monotonicMs());
    const connection = new Connection({
      id: this.#nextId++, wire, address, limits, clock: options.clock,
      encode: (deltas) => encodePut({ id: this.#state.track(this.#state.newId()), put: encodeGraph(deltas) }),
      onMessage: (raw, from) => this.#listener.receive(raw, from),
      onViolation: (from, violation, detail) => this.#fault(from, violation, detail),
      onFrameOut: () => counts.framesOut++,
      busy: (from) => options.handler.busy?.(from) === true,
      onReady: (from) => this.#turns.add(from.inbox),
    });
    const crowded = !wire.dialled && (!address || connections.size >= limits.connections);
    if (this.#closed || crowded) {
      if (address) this.#addresses.release(address);
      if (crowded) this.#state.count('connections', connection, 'too many, or banned');
      connection.release();
      wire.close(crowded ? 'connections' : 'closing');
      return deaf;
    }
    connections.set(connection.id, connection);
    this.#state.changed();
    this.#hello(connection);
    return { text: (frame) => this.#text(connection, frame), closed: () => this.#lost(connection) };
  }

  put(deltas: readonly Delta[], options: { readonly id?: string; readonly acks?: number; readonly to?: MeshPeer } = {}): Sent {
    return this.#speaker.put(deltas, options);
  }

  relay(message: IncomingPut, accepted: readonly Delta[]): number {
    return this.#speaker.relay(message, accepted);
  }

  get(query: Query, options: { readonly known?: number; readonly to?: MeshPeer } = {}): Sent {
    return this.#speaker.get(query, options);
  }

  relayGet(message: IncomingGet): number {
    return this.#speaker.relayGet(message);
  }

  answer(message: IncomingGet, nodes: readonly Delta[]): void {
    this.#speaker.answer(message, nodes);
  }

  ack(id: string, to: MeshPeer, ok: unknown, err?: string): void {
    this.#speaker.ack(id, to, ok, err);
  }

  extension(verb: string, body: unknown, to: MeshPeer): void {
    this.#speaker.extension(verb, body, to);
  }

  fault(peer: MeshPeer, violation: Violation): void {
    const connection = this.#state.connection(peer);
    if (connection) this.#fault(connection, violation, 'refused by the graph');
  }

  peers(): readonly MeshPeer[] {
    return [...this.#state.connections.values()];
  }

  stats(): MeshStats {
    const { connections, counts, violations } = this.#state;
    return { peers: connections.size, ...counts, violations: { ...violations } };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#heart.cancel();
    for (const connection of this.#state.connections.values()) {
      connection.outgoing.flush();
      this.#end(connection, 'closing');
    }
    this.#turns.close();
  }

  #text(connection: Connection, frame: string): void {
    if (connection.closed || frame === '') return;
    this.#state.counts.framesIn++;
    if (connection.inbox.take(frame)) this.#turns.add(connection.inbox);
    else this.#state.complain(connection, { dam: '!', err: 'Message too big!' });
  }

  /** gun.js is asked for its name by whoever it connects to, and says `hi` by itself when it is no relay. */
  #hello(connection: Connection): void {
    if (!connection.dialled) this.#state.send(connection, this.#nameText(undefined));
    else if (!this.#state.options.relay) this.#state.send(connection, JSON.stringify({ dam: 'hi', '#': this.#state.newId() }));
    connection.naming = this.#state.options.clock.after(this.#state.limits.helloMs, () => this.#welcome(connection));
  }

  #nameText(answers: string | undefined): string {
    const { options, pid } = this.#state;
    const id = this.#state.track(this.#state.newId());
    return JSON.stringify({ '#': id, ...(answers === undefined ? {} : { '@': answers }), dam: '?', pid, pangea: { v: 1, relay: options.relay } });
  }

  #name(from: Connection, message: Message): void {
    const { pid, pangea } = message.raw;
    if (from.pid === '' && typeof pid === 'string' && pid !== '' && pid.length <= pidChars) {
      from.pid = pid;
      if (isObject(pangea) && pangea['v'] === 1) {
        from.pangea = true;
        from.pangeaRelay = pangea['relay'] === true;
        from.outgoing.packChars = this.#state.limits.packCharsPangea;
      }
      if (from.leaf) this.#leafPids.set(pid, true);
      else if (this.#leafPids.get(pid)) from.leaf = true;
      this.#state.changed();
    }
    if (message.answers === undefined) this.#state.send(from, this.#nameText(message.id));
    if (pid === this.pid) return this.#end(from, 'self');
    if (from.dialled && this.#hasTwin(from)) return this.#end(from, 'duplicate');
    if (from.pid !== '') this.#welcome(from);
  }

  /** Two URLs of one peer. Only our own wires count, since nobody else can pretend to be at their other end. */
  #hasTwin(connection: Connection): boolean {
    if (connection.pid === '') return false;
    for (const other of this.#state.connections.values()) if (other !== connection && other.dialled && other.pid === connection.pid) return true;
    return false;
  }

  #welcome(connection: Connection): void {
    if (connection.known || connection.closed) return;
    connection.known = true;
    connection.naming?.cancel();
    connection.outgoing.start(connection.relay);
    this.#state.options.handler.hi(connection);
  }

  #end(connection: Connection, reason: string): void {
    this.#lost(connection);
    connection.wire.close(reason);
  }

  #lost(connection: Connection): void {
    if (!this.#state.connections.delete(connection.id)) return;
    connection.release();
    this.#state.changed();
    this.#turns.remove(connection.inbox);
    this.#state.subscriptions.remove(connection);
    if (connection.address) this.#addresses.release(connection.address);
    if (connection.known) this.#state.options.handler.bye(connection);
  }

  #beat(): Timer {
    const { options, limits, routes, connections } = this.#state;
    return options.clock.after(limits.heartbeatMs, () => {
      routes.sweep();
      this.#leafPids.sweep();
      for (const { dialled, wire } of connections.values()) if (!dialled && wire.buffered() === 0) wire.send('[]');
      this.#heart = this.#beat();
    });
  }

  #fault(from: Connection, violation: Violation, detail: string): void {
    this.#state.count(violation, from, detail);
    const { address } = from;
    if (!address || !this.#addresses.penalise(address, penalties[violation], this.#state.options.clock.monotonicMs())) return;
    for (const connection of this.#state.connections.values()) {
      if (connection === from || (connection.address === address && address.bannedUntilMs > 0)) this.#end(connection, 'banned');
    }
  }
}

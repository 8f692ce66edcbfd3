import { checkGraph } from '../data/check.ts';
import type { Connection } from './connection.ts';
import type { IncomingGet, IncomingPut, Violation } from './dam.ts';
import { encodeAck } from './encode.ts';
import { type Message, readMessage } from './message.ts';
import { readQuery } from './query.ts';
import { budget } from './speaker.ts';
import type { MeshState } from './state.ts';

export interface ListenerOptions {
  readonly state: MeshState;
  readonly onFault: (from: Connection, violation: Violation, detail: string) => void;
  /** The peer said who it is, or asked who we are. */
  readonly onName: (from: Connection, message: Message) => void;
  /** It said that it is no relay. */
  readonly onLeaf: (from: Connection) => void;
}

/** The hearing half of a mesh: from a value that `JSON.parse` gave to what the graph can rely on. */
export class Listener {
  readonly #state: MeshState;
  readonly #options: ListenerOptions;

  constructor(options: ListenerOptions) {
    this.#state = options.state;
    this.#options = options;
  }

  /** Never throws. */
  receive(raw: unknown, from: Connection): void {
    this.#state.counts.messagesIn++;
    from.spend(1, 0);
    try {
      this.#open(raw, from);
    } catch (error) {
      this.#state.count('structure', from, `a message that could not be handled: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #open(raw: unknown, from: Connection): void {
    const message = readMessage(raw, this.#state.limits);
    if (!message) return this.#options.onFault(from, 'structure', 'no message');
    const id = message.id ?? this.#state.newId();
    if (this.#state.routes.get(id)) {
      this.#state.counts.duplicates++;
      return;
    }
    this.#state.track(id);
    if (message.verb !== undefined) return this.#verb(message.verb, message, from);
    if (message.put !== undefined && message.put !== null) return this.#put(id, message, from);
    if (message.get !== undefined && message.get !== null) return this.#get(id, message, from);
    if (message.answers !== undefined) this.#ack(id, message.answers, message, from);
  }

  #put(id: string, message: Message, from: Connection): void {
    const { limits, routes, subscriptions, messages, options } = this.#state;
    const checked = checkGraph(message.put, limits);
    if (!checked.ok) {
      this.#state.complain(from, { '@': id, err: `Invalid graph: ${checked.detail}` });
      return this.#options.onFault(from, checked.violation, checked.detail);
    }
    const { deltas } = checked;
    from.spend(0, deltas.reduce((sum, delta) => sum + delta.fields.length, 0));
    const route = message.answers === undefined ? undefined : routes.get(message.answers);
    const answers = route?.kind === 'get' || route?.kind === 'own-get' ? message.answers : undefined;
    if (deltas.length === 0 && answers === undefined) return;
    if (answers === undefined) this.#state.track(id, { kind: 'put', to: from, id, left: Math.min(limits.acksPerPut, budget(message) ?? limits.acksPerPut) });
    if (!from.dialled && !from.pangeaRelay) subscriptions.addWritten(from, deltas);
    const more = answers !== undefined && message.raw['%'] !== undefined && deltas.length > 0;
    const incoming: IncomingPut = { id, deltas, answers, notFound: deltas.length === 0, from, ...(more ? { more } : {}) };
    messages.set(incoming, message);
    options.handler.put(incoming);
  }

  #get(id: string, message: Message, from: Connection): void {
    const { limits, subscriptions, messages, options } = this.#state;
    const query = readQuery(message.get, limits);
    // No penalty: gun.js itself asks for an empty soul now and then.
    if (!query) return this.#state.count('structure', from, 'a get that asks for nothing');
    if (!from.dialled && !from.pangeaRelay) subscriptions.add(from, query);
    this.#state.track(id, { kind: 'get', to: from, id, answered: false });
    const incoming: IncomingGet = { id, query, known: message.hash, from };
    messages.set(incoming, message);
    options.handler.get(incoming);
  }

  #ack(id: string, answers: string, message: Message, from: Connection): void {
    const { handler } = this.#state.options;
    const route = this.#state.routes.get(answers);
    switch (route?.kind) {
      case 'own-put':
        return handler.ack({ answers, ok: message.ok, err: message.err, from });
      case 'own-get':
      case 'get':
        return handler.put({ id, deltas: [], answers, notFound: true, from });
      case 'put':
        if (route.left <= 0 || route.to === from || route.to.closed) return;
        route.left--;
        return this.#state.send(route.to, encodeAck(id, route.id, message.ok, message.err));
      default:
    }
  }

  /** Verbs of gun.js that would make us dial somebody (`opt`, `mob`, `rtc`) are none of ours. */
  #verb(verb: string, message: Message, from: Connection): void {
    switch (verb) {
      case '?':
        return this.#options.onName(from, message);
      case 'hi':
        return this.#options.onLeaf(from);
      case 'pangea': {
        const { v, b } = message.raw;
        if (!from.pangea || typeof v !== 'string') return;
        return this.#state.options.handler.extension(v, b, from);
      }
      default:
    }
  }
}

import type { Delta, Query } from '../data/types.ts';
import { answerPieces, splitPut } from './answers.ts';
import type { Connection } from './connection.ts';
import type { IncomingGet, IncomingPut, MeshPeer, Sent } from './dam.ts';
import { encodeAck, encodeGet, encodeGraph, encodePut } from './encode.ts';
import type { Message } from './message.ts';
import { isObject, writeQuery } from './query.ts';
import type { GetRoute, MeshState } from './state.ts';

/** As many as gun.js names in `><`. */
const namesInPut = 7;

/** The speaking half of a mesh: who gets what. */
export class Speaker {
  readonly #state: MeshState;
  /** What leaves were asked for: a soul, or a query of part of one as JSON. */
  readonly #asked = new WeakMap<Connection, Set<string>>();

  constructor(state: MeshState) {
    this.#state = state;
  }

  put(deltas: readonly Delta[], { id = this.#state.newId(), acks, to }: { readonly id?: string; readonly acks?: number; readonly to?: MeshPeer } = {}): Sent {
    this.#state.track(id, { kind: 'own-put' });
    return { id, peers: this.#spread(id, deltas, { acks, to: this.#state.connection(to) }) };
  }

  relay(message: IncomingPut, accepted: readonly Delta[]): number {
    const outside = this.#state.messages.get(message);
    const from = this.#state.connection(message.from);
    const route = message.answers === undefined ? undefined : this.#state.routes.get(message.answers);
    const asker = route?.kind === 'get' && route.to !== from ? route.to : undefined;
    if (asker && route?.kind === 'get') {
      // Until it was answered, what is no news to us may be news to who asked. Afterwards it has what we had.
      const news = route.answered ? accepted : message.deltas;
      if (news.length > 0) this.#sendAnswer(asker, route, news, undefined);
    }
    if (accepted.length === 0) return 0;
    const whole = sameFields(accepted, message.deltas);
    // Part of a message under its name would keep the rest of it from those who have not seen it.
    const id = whole ? message.id : this.#state.newId();
    const wished = budget(outside);
    if (!whole && from) this.#state.track(id, { kind: 'put', to: from, id: message.id, left: this.#state.limits.acksPerPut });
    const count = this.#spread(id, accepted, { from, asker, seen: outside?.seen, acks: wished === undefined ? undefined : Math.max(0, wished - 1) });
    if (count > 0) this.#state.counts.relayed++;
    return count;
  }

  get(query: Query, { known, to }: { readonly known?: number; readonly to?: MeshPeer } = {}): Sent {
    const id = this.#state.track(this.#state.newId(), { kind: 'own-get' });
    const only = this.#state.connection(to);
    if (to) return { id, peers: this.#ask(id, query, known, only ? [only] : []) };
    const relays = this.#relays(undefined, undefined);
    this.#ask(id, query, known, [...relays, ...this.#leaves(query, undefined, false)]);
    // gun.js leaves are silent when they have nothing: nobody should wait for them.
    return { id, peers: relays.length };
  }

  relayGet(message: IncomingGet): number {
    const from = this.#state.connection(message.from);
    const outside = this.#state.messages.get(message);
    const targets = this.#relays(from, outside?.seen);
    const route = this.#state.routes.get(message.id);
    const answered = route?.kind === 'get' && route.answered;
    targets.push(...this.#leaves(message.query, from, !message.from.relay && !answered));
    return this.#ask(message.id, message.query, message.known, targets);
  }

  answer(message: IncomingGet, nodes: readonly Delta[]): void {
    const to = this.#state.connection(message.from);
    if (!to) return;
    const known = this.#state.routes.get(message.id);
    const route: GetRoute = known?.kind === 'get' && known.to === to ? known : { kind: 'get', to, id: message.id, answered: false };
    if (nodes.length > 0) return this.#sendAnswer(to, route, nodes, message.known);
    if (!route.answered) this.#state.send(to, encodeAck(this.#state.track(this.#state.newId()), message.id, undefined, undefined));
  }

  ack(id: string, to: MeshPeer, ok: unknown, err?: string): void {
    const connection = this.#state.connection(to);
    if (connection) this.#state.send(connection, encodeAck(this.#state.newId(), id, err === undefined ? ok : undefined, err));
  }

  extension(verb: string, body: unknown, to: MeshPeer): void {
    const connection = this.#state.connection(to);
    if (connection?.pangea) this.#state.send(connection, JSON.stringify({ dam: 'pangea', '#': this.#state.newId(), v: verb, b: body }));
  }

  #relays(from: Connection | undefined, names: readonly string[] | undefined): Connection[] {
    return this.#state.relays().filter((to) => to !== from && !hasSeen(to, from, names));
  }

  /** Parts that fit into frames. The last carries the id, so that an acknowledgement of it speaks for those before it. */
  #spread(id: string, deltas: readonly Delta[], spread: Spread): number {
    const parts = splitPut(deltas, this.#state.limits.putChars);
    for (const part of parts.slice(0, -1)) this.#spreadPart(this.#state.track(this.#state.newId()), part, { ...spread, acks: undefined });
    return this.#spreadPart(id, parts.at(-1) ?? deltas, spread);
  }

  #spreadPart(id: string, deltas: readonly Delta[], { from, asker, seen: names, acks, to }: Spread): number {
    const targets = new Map<Connection, readonly number[] | undefined>();
    if (to) targets.set(to, undefined);
    else {
      for (const relay of this.#relays(from, names)) if (relay !== asker) targets.set(relay, undefined);
      for (const [leaf, places] of this.#state.subscriptions.matching(deltas)) {
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
      this.#state.counts.messagesOut++;
      if (to) target.outgoing.message(written.text);
      else target.outgoing.update(written.part, written.text);
    }
    return targets.size;
  }

  #ask(id: string, query: Query, known: number | undefined, targets: readonly Connection[]): number {
    if (targets.length === 0) return 0;
    const text = encodeGet(id, writeQuery(query), known, nameList(targets, undefined));
    for (const target of targets) this.#state.send(target, text);
    return targets.length;
  }

  /**
   * Leaves keep copies too, in a mesh without stores only they do, and gun.js never sends by itself what was written while it was
   * offline. Those who asked for the soul come first; who was asked before is asked `again` only where nobody else is left.
   */
  #leaves({ soul, key }: Query, from: Connection | undefined, again: boolean): Connection[] {
    const { askLeaves, askLeavesAmong } = this.#state.limits;
    // Who was asked for a node was asked for all of its fields.
    const question = typeof soul === 'string' && key === undefined ? soul : JSON.stringify([soul, key]);
    const chosen = new Set<Connection>();
    const asked = new Set<Connection>();
    const consider = (leaf: Connection): void => {
      if (leaf === from || leaf.relay || !leaf.known || chosen.has(leaf)) return;
      if (this.#asked.get(leaf)?.has(question) === true || (typeof soul === 'string' && this.#asked.get(leaf)?.has(soul) === true)) asked.add(leaf);
      else chosen.add(leaf);
    };
    const subscribers = typeof soul === 'string' ? this.#state.subscriptions.of(soul) : [];
    for (const leaves of [subscribers, [...this.#state.connections.values()].slice(-askLeavesAmong).toReversed()]) {
      let left = askLeavesAmong;
      for (const leaf of leaves) {
        if (chosen.size >= askLeaves || left-- === 0) break;
        consider(leaf);
      }
    }
    if (again) for (const leaf of asked) if (chosen.size < askLeaves) chosen.add(leaf);
    for (const leaf of chosen) this.#nowAsked(leaf, question);
    return [...chosen];
  }

  #nowAsked(leaf: Connection, question: string): void {
    const questions = this.#asked.get(leaf);
    if (questions && questions.size < this.#state.limits.askedSouls) questions.add(question);
    else this.#asked.set(leaf, new Set([question]));
  }

  #sendAnswer(to: Connection, route: GetRoute, nodes: readonly Delta[], known: number | undefined): void {
    route.answered = true;
    const { answerKeys, answerKeysWide, answerKeysPangea, wideFields, packChars, packCharsPangea } = this.#state.limits;
    const fields = nodes.reduce((sum, node) => sum + node.fields.length, 0);
    this.#state.counts.messagesOut++;
    const pieces = answerPieces({
      answers: route.id, nodes, known, random: this.#state.options.random,
      keys: to.pangea ? answerKeysPangea : fields > wideFields ? answerKeysWide : answerKeys, chars: to.pangea ? packCharsPangea : packChars,
    });
    if (!to.outgoing.stream(pieces, fields)) this.#state.count('memory', to, 'too many answers under way');
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

/** How many acknowledgements the writer wished for. */
export function budget(message: Message | undefined): number | undefined {
  const wished = isObject(message?.ok) ? message.ok['@'] : undefined;
  return typeof wished === 'number' && wished >= 0 && wished <= 1000 ? Math.floor(wished) : undefined;
}

/** `accepted` is part of `all`, so the same number of fields means the same fields. */
function sameFields(accepted: readonly Delta[], all: readonly Delta[]): boolean {
  const count = (deltas: readonly Delta[]): number => deltas.reduce((sum, delta) => sum + delta.fields.length, 0);
  return accepted === all || count(accepted) === count(all);
}

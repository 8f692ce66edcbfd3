/**
 * Where the rows of one object can be had, as far as one read knows: what the holders were told at the commit
 * first, then what placement predicts, then, when rows are still missing, what everybody who may know answers.
 */
import type { PeerId } from '../../ids/ids.ts';
import type { RowSources } from './gather.ts';
import { providersOf, type FoundObject, type LookupDependencies } from './lookup.ts';
import { placeSlots } from '../format/placement.ts';
import { slotOf } from '../format/shape.ts';
import type { Suspects } from '../suspects.ts';

export interface SourcesDependencies extends LookupDependencies {
  readonly suspects: Suspects;
}

/** Known peers that are asked for what they have when the hints do not lead to eight rows. */
const maxAsked = 64;
const haveTimeoutMs = 5_000;
/** A long read may ask again: holders come back, and repair moves rows. */
const askAgainMs = 10_000;

export class Sources implements RowSources {
  readonly #dependencies: SourcesDependencies;
  readonly #found: FoundObject;
  readonly #predicted: readonly PeerId[];
  /** Answers to `have`, from stripe 0 on. */
  readonly #masks = new Map<PeerId, Uint16Array>();
  /** Pairs that failed verification or were not there, as `peer/stripe/row`. */
  readonly #excluded = new Set<string>();
  readonly #silent = new Set<string>();
  readonly #liars = new Set<PeerId>();
  #widening: Promise<void> | undefined;
  #widenedMs = 0;

  constructor(dependencies: SourcesDependencies, found: FoundObject) {
    this.#dependencies = dependencies;
    this.#found = found;
    this.#predicted = placeSlots(found.view.header.salt, dependencies.candidates.forPlacement());
  }

  /** Peers that may have the row, the best first. Suspects last, liars never. */
  of(stripe: number, row: number): readonly PeerId[] {
    const slot = slotOf(stripe, row);
    const likely = [this.#found.hint[slot]];
    for (const [peer, masks] of this.#masks) if (((masks[stripe] ?? 0) & (1 << row)) !== 0) likely.push(peer);
    // Without a hint for the slot the prediction is all there is; with one it is asked only when the hint fails.
    likely.push(this.#predicted[slot]);
    const peers = [...new Set(likely)].filter((peer): peer is PeerId =>
      peer !== undefined && !this.#liars.has(peer) && !this.#excluded.has(`${peer}/${stripe}/${row}`));
    return this.#dependencies.suspects.last(peers, (peer) => peer);
  }

  isSuspect(peer: PeerId): boolean {
    return this.#dependencies.suspects.has(peer);
  }

  suspect(peer: PeerId): void {
    this.#dependencies.suspects.add(peer);
  }

  /** One silence may be a lost packet: the pair is given up at the second. */
  missed(peer: PeerId, stripe: number, row: number, answered: boolean): void {
    const pair = `${peer}/${stripe}/${row}`;
    if (answered || this.#silent.has(pair)) this.#excluded.add(pair);
    else this.#silent.add(pair);
  }

  /** The peer gave wrong bytes: nothing more is asked of it in this read. */
  distrust(peer: PeerId): void {
    this.#liars.add(peer);
  }

  /** Holders in the order in which layout pages are asked for. */
  peers(): readonly PeerId[] {
    const all = [this.#found.from, ...this.#found.hint, ...this.#masks.keys(), ...this.#predicted];
    return this.#dependencies.suspects.last([...new Set(all)].filter((peer): peer is PeerId => peer !== undefined && !this.#liars.has(peer)), (peer) => peer);
  }

  /** Asks hinted, predicted, known and announced peers what they have. Calls at about the same time share the answers. */
  widen(): Promise<void> {
    const nowMs = this.#dependencies.clock.monotonicMs();
    if (this.#widening === undefined || nowMs - this.#widenedMs > askAgainMs) {
      this.#widenedMs = nowMs;
      this.#widening = this.#widen();
    }
    return this.#widening;
  }

  /** No signal: the answers may serve another read than the one that asked first, and the wait is bounded. */
  async #widen(): Promise<void> {
    const { candidates } = this.#dependencies;
    const { view } = this.#found;
    const announced = await providersOf(this.#dependencies, view.root);
    const asked = [...new Set([...this.peers(), ...announced, ...candidates.forReading(view.root)])].slice(0, maxAsked);
    await Promise.all(asked.map((peer) => this.#ask(peer)));
  }

  async #ask(peer: PeerId): Promise<void> {
    const { view } = this.#found;
    const request = { type: 'have' as const, root: view.root, firstStripe: 0, stripes: view.header.stripes };
    const outcome = await this.#dependencies.calls.ask<'have'>(peer, request, { timeoutMs: haveTimeoutMs });
    if (outcome.reply?.answer.known && outcome.reply.answer.masks.length === view.header.stripes) {
      this.#masks.set(peer, outcome.reply.answer.masks);
    }
  }

  /** What was learnt by `widen`, for reports. */
  masks(): ReadonlyMap<PeerId, Uint16Array> {
    return this.#masks;
  }
}

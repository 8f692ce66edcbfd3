/** Who acts, who gets what. Pure: the same census gives the same plan on every holder. */
import type { PeerId } from '../../ids/ids.ts';
import type { PlacementPeer } from '../../peers/peers.ts';
import type { HeldObject } from '../holder/held.ts';
import { rankPeers, replacementFor } from '../format/placement.ts';
import { lackedStripes, rowsInSlot, type Census, type Stripes } from './census.ts';
import { rows } from '../format/shape.ts';

/** The rows of one slot that one peer shall get. */
export interface Handover {
  readonly slot: number;
  readonly target: PeerId;
  /** All that the target lacks of the slot, so that it can commit to the whole of it afterwards. */
  readonly stripes: readonly number[];
}

export interface Plan {
  readonly handovers: readonly Handover[];
  /** Holder by slot after the plan is carried out. */
  readonly holders: readonly (PeerId | undefined)[];
}

export interface PlanInput {
  /** The layout's salt, which placement goes by. */
  readonly salt: Uint8Array;
  readonly stripes: Stripes;
  readonly object: Pick<HeldObject, 'holders'>;
  readonly census: Census;
  readonly lostSlots: readonly number[];
  /** Who may hold new shards, this node included where it stores. */
  readonly candidates: readonly PlacementPeer[];
  /** Peers that refused or whose bytes were wrong for this object. */
  readonly unusable: ReadonlySet<PeerId>;
}

/** Position of a peer among the live holders: 0 acts at once, k waits k steps. Weights differ from node to node, so all count alike. */
export function turnOf(salt: Uint8Array, peer: PeerId, census: Census): number {
  const holders = [...census.answers].filter(([, masks]) => masks.some((mask) => mask !== 0));
  const ranked = rankPeers(salt, holders.map(([id]) => ({ peer: id, weight: 1, failureDomain: '' })));
  const turn = ranked.findIndex((each) => each.peer === peer);
  return turn < 0 ? ranked.length : turn;
}

/** Whom to name by slot when nothing is to be handed over. */
export function currentHolders(object: Pick<HeldObject, 'holders'>, census: Census): readonly (PeerId | undefined)[] {
  return Array.from({ length: rows }, (_, slot) => holderOf(slot, object, census));
}

export function planHandovers(input: PlanInput): Plan {
  const { salt, stripes, object, census, lostSlots, unusable } = input;
  const lost = new Set(lostSlots);
  const holders = currentHolders(object, census).map((peer, slot) => (lost.has(slot) ? undefined : peer));
  const candidates = input.candidates.filter(({ peer }) => !unusable.has(peer));
  const handovers: Handover[] = [];
  for (const slot of lostSlots) {
    const target = presentHolder(slot, object, census, unusable) ?? replacementFor(salt, candidates, holders);
    if (target === undefined) continue;
    holders[slot] = target;
    handovers.push({ slot, target, stripes: lackedStripes(stripes, slot, census.answers.get(target)) });
  }
  return { handovers, holders };
}

/** Whom to name for a slot of which nothing is lost: the one with most of its rows, the hinted one before others. */
function holderOf(slot: number, object: Pick<HeldObject, 'holders'>, census: Census): PeerId | undefined {
  const hinted = object.holders[slot];
  if (hinted !== undefined && census.awaited.has(hinted)) return hinted;
  return fullestHolder(slot, hinted, census, new Set());
}

/** A live peer that has rows of the slot already, or is the hinted one, completes its own rows. */
function presentHolder(slot: number, object: Pick<HeldObject, 'holders'>, census: Census, unusable: ReadonlySet<PeerId>): PeerId | undefined {
  const hinted = object.holders[slot];
  const fullest = fullestHolder(slot, hinted, census, unusable);
  if (fullest !== undefined) return fullest;
  return hinted !== undefined && census.answers.has(hinted) && !unusable.has(hinted) ? hinted : undefined;
}

function fullestHolder(slot: number, hinted: PeerId | undefined, census: Census, unusable: ReadonlySet<PeerId>): PeerId | undefined {
  let best: { readonly peer: PeerId; readonly found: number } | undefined;
  for (const [peer, masks] of census.answers) {
    if (unusable.has(peer)) continue;
    const found = rowsInSlot(slot, masks);
    if (found > (best?.found ?? 0) || (found === best?.found && peer === hinted)) best = { peer, found };
  }
  return best?.peer;
}

/** Who has which rows of an object, as the holders themselves say it now. Pure but for the asking. */
import type { PeerId } from '../../ids/ids.ts';
import type { HeldObject } from '../holder/held.ts';
import type { StripeEntry } from '../format/layout.ts';
import { dataRows, rowAt, rows } from '../format/shape.ts';

export interface Census {
  /** Masks by stripe of everybody who answered, this node included. */
  readonly answers: ReadonlyMap<PeerId, Uint16Array>;
  /** Named as holders, without an answer, but not silent for longer than the grace time. */
  readonly awaited: ReadonlySet<PeerId>;
  /** Who says that the object was deleted. */
  readonly deletedAt: readonly PeerId[];
}

export interface Assessment {
  /**
   * whole: nothing is missing, or what is missing may yet come back. below: rows are lost and can be restored now.
   * waiting: rows are lost, and too few of the others answer at the moment. unreadable: fewer than 8 rows are left
   * even if everybody within grace comes back.
   */
  readonly state: 'whole' | 'below' | 'waiting' | 'unreadable';
  /** Slots of which at least one row is lost. */
  readonly lostSlots: readonly number[];
}

/** The part of a layout that matters here. */
export interface Stripes {
  readonly count: number;
  stripe(stripe: number): StripeEntry;
}

/** Bit mask of the rows that have bytes; the others of a short last stripe count as present. */
export function filledRows(entry: StripeEntry): number {
  let mask = 0;
  for (let row = 0; row < rows; row++) if (entry.lengths[row] !== 0) mask |= 1 << row;
  return mask;
}

export function assess(stripes: Stripes, object: Pick<HeldObject, 'holders'>, census: Census): Assessment {
  const present = union(census, stripes.count);
  const awaitedSlots = object.holders.flatMap((peer, slot) => (peer !== undefined && census.awaited.has(peer) ? [slot] : []));
  const lost = new Set<number>();
  let short = false;
  for (let stripe = 0; stripe < stripes.count; stripe++) {
    const filled = filledRows(stripes.stripe(stripe));
    const here = (present[stripe] ?? 0) & filled;
    const hoped = here | (maskOfSlots(awaitedSlots, stripe) & filled);
    const missing = filled & ~hoped;
    if (missing === 0) continue;
    const empty = rows - countBits(filled);
    if (countBits(hoped) + empty < dataRows) return { state: 'unreadable', lostSlots: [] };
    short ||= countBits(here) + empty < dataRows;
    for (let slot = 0; slot < rows; slot++) if ((missing & (1 << rowAt(stripe, slot))) !== 0) lost.add(slot);
  }
  if (lost.size === 0) return { state: 'whole', lostSlots: [] };
  return { state: short ? 'waiting' : 'below', lostSlots: [...lost].sort((a, b) => a - b) };
}

/** Stripes whose row in this slot a peer with these masks lacks. */
export function lackedStripes(stripes: Stripes, slot: number, masks: Uint16Array | undefined): readonly number[] {
  const lacked: number[] = [];
  for (let stripe = 0; stripe < stripes.count; stripe++) {
    const row = rowAt(stripe, slot);
    if (stripes.stripe(stripe).lengths[row] !== 0 && (((masks?.[stripe] ?? 0) >> row) & 1) === 0) lacked.push(stripe);
  }
  return lacked;
}

/** How many rows of a slot a peer has. */
export function rowsInSlot(slot: number, masks: Uint16Array): number {
  let found = 0;
  for (let stripe = 0; stripe < masks.length; stripe++) found += ((masks[stripe] ?? 0) >> rowAt(stripe, slot)) & 1;
  return found;
}

/** Peers that have this row, in order of their answers. */
export function havers(census: Census, stripe: number, row: number): readonly PeerId[] {
  return [...census.answers].flatMap(([peer, masks]) => ((((masks[stripe] ?? 0) >> row) & 1) === 1 ? [peer] : []));
}

function union(census: Census, count: number): Uint16Array {
  const present = new Uint16Array(count);
  for (const masks of census.answers.values()) {
    for (let stripe = 0; stripe < count; stripe++) present[stripe] = (present[stripe] ?? 0) | (masks[stripe] ?? 0);
  }
  return present;
}

function maskOfSlots(slots: readonly number[], stripe: number): number {
  return slots.reduce((mask, slot) => mask | (1 << rowAt(stripe, slot)), 0);
}

function countBits(mask: number): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count++;
  return count;
}

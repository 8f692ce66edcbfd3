/**
 * Who holds what: weighted rendezvous hashing. Pure, and the same on every machine that knows the same peers.
 * Every reader can compute it from the layout's salt; what it does not know, it asks.
 */
import { createHash } from 'node:crypto';
import type { PeerId } from '../../ids/ids.ts';
import type { PlacementPeer } from '../../peers/peers.ts';
import { rows, spareRows } from './shape.ts';

/** Peers by rank for this key, the best first. A peer's chance of being first is its weight's share. */
export function rankPeers(key: Uint8Array, peers: readonly PlacementPeer[]): readonly PlacementPeer[] {
  return peers
    .map((peer) => ({ peer, score: -peer.weight / Math.log(unitHash(key, peer.peer)) }))
    .sort((a, b) => b.score - a.score || (a.peer.peer < b.peer.peer ? -1 : 1))
    .map(({ peer }) => peer);
}

/**
 * The holder of each of the 12 slots. No peer takes a second slot while another has none, and no failure
 * domain a second one while an equally free peer of another domain is there. Empty when there are no peers.
 */
export function placeSlots(key: Uint8Array, peers: readonly PlacementPeer[]): readonly PeerId[] {
  const ranked = rankPeers(key, peers);
  const used = new Usage([]);
  const slots: PeerId[] = [];
  while (ranked.length > 0 && slots.length < rows) {
    const next = used.least(ranked);
    used.add(next);
    slots.push(next.peer);
  }
  return slots;
}

/** The best peer for one more slot beside the present holders, or `undefined` when there is none at all. */
export function replacementFor(
  key: Uint8Array,
  candidates: readonly PlacementPeer[],
  present: readonly (PeerId | undefined)[],
): PeerId | undefined {
  if (candidates.length === 0) return undefined;
  const byId = new Map(candidates.map((peer) => [peer.peer, peer]));
  const used = new Usage(present.flatMap((peer) => (peer === undefined ? [] : [byId.get(peer) ?? { peer, weight: 1, failureDomain: '' }])));
  return used.least(rankPeers(key, candidates)).peer;
}

/** How many holders may vanish, whichever they are, with at most 4 slots lost. A slot without holder is lost already. */
export function survivesFailures(holdersBySlot: readonly (string | undefined)[]): number {
  const counts = new Map<string, number>();
  let lost = rows - holdersBySlot.length;
  for (const holder of holdersBySlot) {
    if (holder === undefined || holder === '') lost++;
    else counts.set(holder, (counts.get(holder) ?? 0) + 1);
  }
  let survived = 0;
  for (const count of [...counts.values()].sort((a, b) => b - a)) {
    lost += count;
    if (lost > spareRows) break;
    survived++;
  }
  return survived;
}

class Usage {
  readonly #peers = new Map<PeerId, number>();
  readonly #domains = new Map<string, number>();

  constructor(taken: readonly PlacementPeer[]) {
    for (const peer of taken) this.add(peer);
  }

  add(peer: PlacementPeer): void {
    this.#peers.set(peer.peer, (this.#peers.get(peer.peer) ?? 0) + 1);
    this.#domains.set(domainOf(peer), (this.#domains.get(domainOf(peer)) ?? 0) + 1);
  }

  /** The least burdened, then of the least burdened domain, then of the best rank. */
  least(ranked: readonly PlacementPeer[]): PlacementPeer {
    return ranked.reduce((best, peer) => {
      const difference = (this.#peers.get(peer.peer) ?? 0) - (this.#peers.get(best.peer) ?? 0)
        || (this.#domains.get(domainOf(peer)) ?? 0) - (this.#domains.get(domainOf(best)) ?? 0);
      return difference < 0 ? peer : best;
    });
  }
}

/** A peer that names no domain fails alone. */
function domainOf(peer: PlacementPeer): string {
  return peer.failureDomain === '' ? `peer ${peer.peer}` : `domain ${peer.failureDomain}`;
}

/** 52 bits of a hash as a number in (0, 1). SHA-256, because node's one call costs 1.5 µs where a portable BLAKE3 costs 20. */
function unitHash(key: Uint8Array, peer: PeerId): number {
  const digest = createHash('sha256').update(key).update(peer).digest();
  return (digest.readUInt32LE(0) * 2 ** 20 + (digest.readUInt32LE(4) >>> 12) + 0.5) / 2 ** 52;
}

/** Asks everybody who may hold rows of an object which ones they have. */
import type { PeerId } from '../../ids/ids.ts';
import type { PlacementPeer } from '../../peers/peers.ts';
import type { Clock } from '../../std/std.ts';
import { status } from '../../transport/transport.ts';
import type { HeldObject, HeldObjects } from '../holder/held.ts';
import { providersOf, type LookupDependencies } from '../get/lookup.ts';
import { placeSlots } from '../format/placement.ts';
import { assess, type Census, type Stripes } from './census.ts';
import type { Doubts } from './doubts.ts';

export interface AskDependencies extends LookupDependencies {
  readonly clock: Clock;
  readonly held: HeldObjects;
  readonly doubts: Doubts;
  readonly settings: { readonly requestTimeoutMs: number; readonly repairGraceMs: number };
  /** Monotonic time since when this node has been listening to others. */
  readonly sinceMs: number;
}

/** What is asked about: a held object with its layout. */
export interface Subject {
  readonly object: HeldObject;
  readonly salt: Uint8Array;
  readonly stripes: Stripes;
}

interface Answers {
  readonly answers: Map<PeerId, Uint16Array>;
  readonly awaited: Set<PeerId>;
  readonly deletedAt: PeerId[];
}

/** `have` is answered from an index in memory; who takes longer is as good as silent. */
const haveTimeoutMs = 5_000;

/** The hint first, which is all that a healthy object costs; where it leaves something missing, placement and the DHT. */
export async function takeCensus(dependencies: AskDependencies, subject: Subject, candidates: readonly PlacementPeer[]): Promise<Census> {
  const { held, doubts, calls } = dependencies;
  const { object, salt, stripes } = subject;
  const own = doubts.without(object.digest, calls.localPeer, held.masks(object, 0, stripes.count));
  const census: Answers = { answers: new Map([[calls.localPeer, own]]), awaited: new Set(), deletedAt: [] };
  await askAll(dependencies, subject, object.holders.filter((peer) => peer !== undefined), census);
  if (assess(stripes, object, census).state === 'whole') return census;
  await askAll(dependencies, subject, [...placeSlots(salt, candidates), ...(await providersOf(dependencies, object.root))], census);
  return census;
}

async function askAll(dependencies: AskDependencies, { object, stripes }: Subject, candidates: readonly PeerId[], census: Answers): Promise<void> {
  const { calls, peers, clock, doubts, settings } = dependencies;
  const timeoutMs = Math.min(settings.requestTimeoutMs, haveTimeoutMs);
  const fresh = [...new Set(candidates)].filter((peer) => !census.answers.has(peer) && !census.awaited.has(peer));
  // Its own deafness is nobody's loss: nobody is given up before this node has been listening for the grace time.
  const listenedMs = clock.monotonicMs() - dependencies.sinceMs;
  await Promise.all(fresh.map(async (peer) => {
    const isGone = Math.min(peers.silentMs(peer), listenedMs) > settings.repairGraceMs;
    // Not worth a dial on every look; when it comes back, its connection or a ping ends its silence.
    if (isGone && peers.isLive(peer) === false) return;
    const request = { type: 'have', root: object.root, firstStripe: 0, stripes: stripes.count } as const;
    const { reply } = await calls.ask<'have'>(peer, request, { timeoutMs });
    if (reply?.status !== status.ok) {
      if (!isGone) census.awaited.add(peer);
      return;
    }
    const { deleted, masks } = reply.answer;
    if (deleted) census.deletedAt.push(peer);
    census.answers.set(peer, doubts.without(object.digest, peer, masks.length === stripes.count ? masks : new Uint16Array(stripes.count)));
  }));
}

/** Restores the lost rows of one object: layout first, then rows, then the commitment, then the hint of everybody. */
import type { Body } from '../../body/body.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { PlacementPeer } from '../../peers/peers.ts';
import { mapConcurrent } from '../../std/std.ts';
import type { ShardStore } from '../../store/store.ts';
import { status, type PutRequest } from '../../transport/transport.ts';
import { identityOf } from '../format/layout.ts';
import type { LayoutView } from '../format/layout-view.ts';
import type { Subject } from './ask.ts';
import type { ByteBudget } from './budget.ts';
import type { Census } from './census.ts';
import { layoutHandout, layoutUpdate } from './handover.ts';
import { planHandovers, type Handover, type Plan } from './plan.ts';
import { obtainRows, type RowsDependencies } from './rows.ts';
import { dataRows, rowAt, stripesPerPage } from '../format/shape.ts';

export interface ObjectRepairDependencies extends RowsDependencies {
  readonly store: ShardStore;
  readonly budget: ByteBudget;
  readonly signal: AbortSignal;
}

export interface LostRows {
  readonly subject: Subject;
  readonly view: LayoutView;
  readonly census: Census;
  readonly lostSlots: readonly number[];
  readonly candidates: readonly PlacementPeer[];
}

/** Refusals that are met by choosing another target, before the rest waits for the next look. */
const plans = 4;
/** Stripes that are worked on at a time; the budget bounds their bytes. */
const stripesAtOnce = 8;

/** Number of shards that were restored and committed. Throws `NOT_ENOUGH_SHARDS` or `CORRUPT` when what is left does not suffice. */
export async function restoreLost(dependencies: ObjectRepairDependencies, lost: LostRows): Promise<number> {
  const { doubts, peers, calls } = dependencies;
  const { object } = lost.subject;
  const unusable = new Set<PeerId>();
  for (const peer of [...lost.census.answers.keys(), ...lost.candidates.map((each) => each.peer)]) {
    const isDead = peer !== calls.localPeer && peers.get(peer)?.status === 'dead';
    if (isDead || doubts.refuses(peer) || doubts.about(object.digest, peer)) unusable.add(peer);
  }
  const plan = await agreeOnTargets(dependencies, lost, unusable);
  const failed = new Set<Handover>();
  let restored = 0;
  for (let first = 0; first < lost.subject.stripes.count; first += stripesPerPage) {
    const work = await workOfPage(dependencies, lost, plan.handovers.filter((each) => !failed.has(each)), first);
    const sent = await mapConcurrent([...work], stripesAtOnce, ([stripe, handovers]) => restoreStripe(dependencies, lost, stripe, handovers, failed));
    restored += sent.reduce((sum, each) => sum + each, 0);
  }
  await commit(dependencies, lost, plan, failed);
  return restored;
}

/** Hands the layout to every target; one that does not take it is replaced by the next in placement. */
async function agreeOnTargets(dependencies: ObjectRepairDependencies, lost: LostRows, unusable: Set<PeerId>): Promise<Plan> {
  const { calls, store } = dependencies;
  const { subject, view, census } = lost;
  const handout = await layoutHandout(store, subject.object, view);
  const introduced = new Set<PeerId>([calls.localPeer]);
  for (const [peer, masks] of census.answers) if (masks.some((mask) => mask !== 0)) introduced.add(peer);
  let plan = planHandovers({ ...subject, ...lost, unusable });
  for (let attempt = 1; ; attempt++) {
    const targets = [...new Set(plan.handovers.map(({ target }) => target))].filter((peer) => !introduced.has(peer));
    await Promise.all(targets.map(async (peer) => {
      const outcome = await calls.ask<'layout'>(peer, handout.request, { body: handout.body, signal: dependencies.signal });
      if (outcome.reply === undefined && (outcome.status === status.full || outcome.status === status.denied)) dependencies.doubts.refused(peer);
      (outcome.reply === undefined ? unusable : introduced).add(peer);
    }));
    const agreed = plan.handovers.every(({ target }) => introduced.has(target));
    if (agreed) return plan;
    if (attempt === plans) return { ...plan, handovers: plan.handovers.filter(({ target }) => introduced.has(target)) };
    plan = planHandovers({ ...subject, ...lost, unusable });
  }
}

/** What is still to do in the stripes of one page. From the second page on the targets are asked again: another holder may have been there. */
async function workOfPage(
  { calls, signal }: ObjectRepairDependencies, { subject }: LostRows, handovers: readonly Handover[], first: number,
): Promise<ReadonlyMap<number, readonly Handover[]>> {
  const work = new Map<number, Handover[]>();
  const count = Math.min(stripesPerPage, subject.stripes.count - first);
  await Promise.all(handovers.map(async (handover) => {
    const lacked = handover.stripes.filter((stripe) => stripe >= first && stripe < first + count);
    if (lacked.length === 0) return;
    const request = { type: 'have', root: subject.object.root, firstStripe: first, stripes: count } as const;
    const { reply } = first === 0 ? {} : await calls.ask<'have'>(handover.target, request, { signal });
    for (const stripe of lacked) {
      const row = rowAt(stripe, handover.slot);
      if ((((reply?.answer.masks[stripe - first] ?? 0) >> row) & 1) === 1) continue;
      const before = work.get(stripe);
      if (before === undefined) work.set(stripe, [handover]);
      else before.push(handover);
    }
  }));
  return new Map([...work].sort(([a], [b]) => a - b));
}

/** Number of rows that their targets took. */
async function restoreStripe(
  dependencies: ObjectRepairDependencies, { subject, census }: LostRows, stripe: number, handovers: readonly Handover[], failed: Set<Handover>,
): Promise<number> {
  const { budget, signal } = dependencies;
  const entry = subject.stripes.stripe(stripe);
  const wanted = handovers.filter((each) => !failed.has(each));
  const bytes = Math.max(...entry.lengths) * (dataRows + wanted.length);
  return budget.run(bytes, async () => {
    signal.throwIfAborted();
    if (wanted.length === 0) return 0;
    const bodies = await obtainRows(dependencies, subject, census, stripe, wanted.map(({ slot }) => rowAt(stripe, slot)));
    const taken = await Promise.all(wanted.map(async (handover) => {
      const row = rowAt(stripe, handover.slot);
      const body = bodies.get(row) as Body;
      const request: PutRequest = {
        type: 'put', object: subject.object.root, stripe, row, identity: identityOf(entry, row), durability: 'memory', repair: true,
      };
      const outcome = await dependencies.calls.ask<'put'>(handover.target, request, { body, signal });
      if (outcome.reply !== undefined) return 1;
      // Full, gone, leased to another repairer or silent: the next look sees what came of it.
      failed.add(handover);
      if (outcome.status === status.full || outcome.status === status.denied) dependencies.doubts.refused(handover.target);
      return 0;
    }));
    for (const body of bodies.values()) body.release();
    return taken.reduce<number>((sum, each) => sum + each, 0);
  });
}

/** One fsync a target, which answers only when its slots are complete; then everybody's hint, which may get lost. */
async function commit({ calls, logger, signal }: ObjectRepairDependencies, { subject, census }: LostRows, plan: Plan, failed: ReadonlySet<Handover>): Promise<void> {
  const { object } = subject;
  const holders = [...plan.holders];
  const done = plan.handovers.filter((each) => !failed.has(each));
  for (const { slot } of plan.handovers) if (!done.some((each) => each.slot === slot)) holders[slot] = object.holders[slot];
  const targets = new Set(done.map(({ target }) => target));
  await Promise.all([...targets].map(async (target) => {
    const slots = done.filter((each) => each.target === target);
    const mask = slots.reduce((sum, { slot }) => sum | (1 << slot), 0);
    const { reply, failure } = await calls.ask<'layout'>(target, layoutUpdate(object, holders, mask, 'fsync'), { signal });
    if (reply !== undefined && reply.answer.missing.length === 0) return;
    logger.debug({ root: object.digest, peer: target, failure: failure ?? 'rows are missing' }, 'a restored slot was not committed');
    for (const { slot } of slots) holders[slot] = object.holders[slot];
  }));
  const informed = [...census.answers].filter(([peer, masks]) => !targets.has(peer) && masks.some((each) => each !== 0)).map(([peer]) => peer);
  await Promise.all(informed.map((peer) => calls.ask<'layout'>(peer, layoutUpdate(object, holders, 0, 'memory'), { signal })));
}

/** One schedule in one world: what happens, healing, asking, comparing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry } from './member.ts';
import { differences, hashOf, lost, type Difference } from './oracle.ts';
import type { Schedule } from './schedule.ts';
import type { World } from './world.ts';

export interface Outcome {
  readonly seed: number;
  /** Rounds of asking until all had the same; 0 when nobody had to ask. */
  readonly rounds: number;
  readonly fields: number;
  readonly hash: string;
  /** What is left after the last round. */
  readonly differences: readonly Difference[];
  /** Acknowledged as being on disk, and gone. */
  readonly lost: readonly Entry[];
  readonly acknowledged: number;
}

const settleMs = 150;
/** Long enough for a state ahead of the clock, for what waits for an answer about a child, and for slow answers. */
const roundMs = [100, 200, 400, 800, 1_500, 3_000, 6_000] as const;

export async function play(world: World, { seed, prefix, souls, steps }: Schedule): Promise<Outcome> {
  const acknowledged: Entry[] = [];
  for (const step of steps) {
    // What it was told so far goes with the member that is killed.
    if (step.do === 'kill') acknowledged.push(...(await world.ask<Entry[]>(step.member, 'acknowledged', prefix).catch(() => [])));
    await world.perform(step);
  }
  await world.heal();
  await sleep(settleMs);
  let known = await world.dump(prefix);
  let left = differences(known);
  let rounds = 0;
  for (const waitMs of roundMs) {
    // A node that nobody has heard of by itself counts as a difference only once somebody asks for it.
    if (left.length === 0 && rounds > 0) break;
    rounds++;
    await world.all('ask', [...new Set([...souls, ...[...known.values()].flat().map(([soul]) => soul)])]);
    await sleep(waitMs);
    const before = hashOf([...known.values()].flat());
    known = await world.dump(prefix);
    left = differences(known);
    // Equal, but still moving: something is on its way.
    if (left.length === 0 && before !== hashOf([...known.values()].flat()) && waitMs < 1_000) left = differences((known = await (await sleep(settleMs), world.dump(prefix))));
  }
  for (const entries of (await world.all<Entry[]>('acknowledged', prefix)).values()) acknowledged.push(...entries);
  const [entries = []] = known.values();
  await world.all('forget', prefix);
  return { seed, rounds, fields: entries.length, hash: hashOf(entries), differences: left, lost: lost(acknowledged, entries), acknowledged: acknowledged.length };
}

/** Many schedules over several worlds at a time. Processes live on between schedules; each schedule has souls of its own. */
import { play, type Outcome } from './play.ts';
import { makeSchedule } from './schedule.ts';
import { inPages, topologies, type Topology } from './topologies.ts';
import { World, type Pages } from './world.ts';

export interface RunOptions {
  readonly schedules: number;
  readonly seed: number;
  /** Meshes at a time: most of the time of each is waiting. */
  readonly worlds: number;
  readonly topologies: readonly Topology[];
  /** Share of the worlds whose gun.js runs in pages. */
  readonly pagesShare: number;
  readonly pages?: Pages;
  readonly say: (line: string) => void;
  readonly verbose?: boolean;
}

export interface Totals {
  readonly played: number;
  readonly failed: number;
  readonly byTopology: ReadonlyMap<string, { readonly played: number; readonly failed: number }>;
}

/** After so many a world is taken down: memory that gun.js never gives back is not what is tried here. */
const perWorld = 25;

interface Job {
  readonly topology: Topology;
  readonly pages: boolean;
  readonly seeds: number[];
}

export async function runSchedules(options: RunOptions): Promise<Totals> {
  const jobs = jobsOf(options);
  const begun = performance.now();
  const byTopology = new Map<string, { played: number; failed: number }>();
  const rounds = new Map<number, number>();
  let [played, failed, helped, acknowledged, fields] = [0, 0, 0, 0, 0];
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const { topology, pages, seeds } = job;
      const name = pages ? `${topology}, pages` : topology;
      const totals = byTopology.get(name) ?? { played: 0, failed: 0 };
      byTopology.set(name, totals);
      let world: World | undefined;
      for (const seed of seeds) {
        let failure: string | undefined;
        try {
          world ??= await World.start(pages ? inPages(topologies[topology]) : topologies[topology], options.pages);
          const schedule = makeSchedule(seed, world.plan, Date.now());
          if (options.verbose === true && options.schedules === 1) for (const step of schedule.steps) options.say(JSON.stringify(step));
          const outcome = await play(world, schedule);
          acknowledged += outcome.acknowledged;
          fields += outcome.fields;
          rounds.set(outcome.rounds, (rounds.get(outcome.rounds) ?? 0) + 1);
          if (outcome.differences.length > 0 || outcome.lost.length > 0) failure = describe(outcome);
          else if (options.verbose === true) options.say(`${name} ${seed}: ${outcome.fields} fields, ${outcome.rounds} rounds, ${outcome.hash}`);
        } catch (error) {
          failure = error instanceof Error ? error.message : String(error);
        }
        played++;
        totals.played++;
        if (failure === undefined) continue;
        failed++;
        totals.failed++;
        options.say(`FAILED ${name}, seed ${seed} (--topology ${JSON.stringify(topology)} --only ${seed}):\n${failure}`);
        helped += world?.helped ?? 0;
        await world?.stop();
        world = undefined;
      }
      helped += world?.helped ?? 0;
      await world?.stop();
      if (options.schedules > perWorld) options.say(`${played} of ${options.schedules}, ${failed} failed, ${((performance.now() - begun) / 1000).toFixed(0)} s`);
    }
  };
  await Promise.all(Array.from({ length: options.worlds }, work));
  for (const [name, totals] of byTopology) options.say(`${name}: ${totals.played} played, ${totals.failed} failed`);
  options.say(`rounds of asking: ${[...rounds].toSorted(([a], [b]) => a - b).map(([count, times]) => `${count}: ${times}`).join(', ')}`);
  options.say(`${played} schedules from seed ${options.seed} in ${((performance.now() - begun) / 1000).toFixed(0)} s: ${played - failed} converged, ${failed} did not; ${fields} fields compared, ${acknowledged} acknowledged as on disk; gun.js was told to connect again ${helped} times`);
  return { played, failed, byTopology };
}

/** Topologies in turns; a share of the jobs in pages. */
function jobsOf({ schedules, seed, worlds, topologies: names, pagesShare, pages }: RunOptions): Job[] {
  const size = Math.max(1, Math.min(perWorld, Math.ceil(schedules / Math.max(worlds, names.length))));
  const jobs: Job[] = [];
  for (let first = seed, at = 0; first < seed + schedules; first += size, at++) {
    const count = Math.min(size, seed + schedules - first);
    const inBrowser = pages !== undefined && Math.floor((at + 1) * pagesShare) > Math.floor(at * pagesShare);
    jobs.push({ topology: names[at % names.length] as Topology, pages: inBrowser, seeds: Array.from({ length: count }, (_, step) => first + step) });
  }
  return jobs;
}

function describe({ differences, lost, rounds }: Outcome): string {
  return [
    ...differences.map(({ newest, holders, others }) => `  ${JSON.stringify(newest)} is at ${holders.join(' ')}; ${Object.entries(others).map(([member, entry]) => `${member} has ${entry === undefined ? 'nothing' : JSON.stringify(entry.slice(2))}`).join(', ')} (after ${rounds} rounds)`),
    ...lost.map((entry) => `  lost though acknowledged: ${JSON.stringify(entry)}`),
  ].join('\n');
}

/** One seed from its beginning to its end: chaos, healing, convergence, and the invariants all the while. */
import type { MemoryStore } from '../../src/store/store.ts';
import { Chaos } from './chaos.ts';
import type { VirtualClock } from './clock.ts';
import { checkMemory, checkNothingDropped, checkReadable, isReadable, isWhole, undeleted } from './invariants.ts';
import { Ledger, Violation } from './ledger.ts';
import { minuteMs, World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly keepTrace?: boolean;
  readonly chaosMs?: number;
  readonly makeStore?: (clock: VirtualClock) => MemoryStore;
}

export interface SimulationResult {
  readonly seed: number;
  /** Of the whole trace, network included. */
  readonly hash: string;
  readonly violation: Error | undefined;
  readonly trace: readonly string[];
  readonly events: number;
  readonly virtualMinutes: number;
  /** From the end of chaos until every object was whole again. */
  readonly convergedMinutes: number | undefined;
  readonly objects: number;
  /** Objects of which chaos itself left fewer than eight rows. */
  readonly beyondRepair: number;
  readonly restoredShards: number;
  readonly counts: Ledger['counts'];
}

/** Chaos ends, then: grace, everybody's turn, two rounds of looks. */
const convergenceMs = 30 * minuteMs;
/** Puts and gets of the chaos end within their timeouts before anything is judged. */
const drainMs = 2 * minuteMs;

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed, chaosMs = 15 * minuteMs } = options;
  const world = await World.open({
    seed, nodes: 12 + (seed % 5), keepTrace: options.keepTrace ?? false,
    ...(options.makeStore ? { makeStore: options.makeStore } : {}),
  });
  const ledger = new Ledger(world);
  let convergedMinutes: number | undefined;
  let beyondRepair = 0;
  let violation: Error | undefined;
  try {
    const chaos = new Chaos(world, ledger);
    await chaos.run(chaosMs, 20_000, () => {
      checkNothingDropped(ledger);
      checkMemory(world, false);
    });
    await chaos.end();
    await world.clock.run(drainMs);
    chaos.check();
    const readable = ledger.acknowledged.filter((object) => object.state === 'stored' && isReadable(world, object));
    beyondRepair = ledger.acknowledged.filter(({ state }) => state === 'stored').length - readable.length;
    convergedMinutes = await converge(world, ledger, readable);
    checkNothingDropped(ledger);
    await checkReadable(world, ledger, readable);
    await world.clock.run(10_000);
    checkMemory(world, true);
  } catch (error) {
    violation = error instanceof Error ? error : new Error(String(error));
    world.trace.add(`violation ${violation.message}`);
  }
  return {
    seed, hash: world.trace.hash(), violation, trace: world.trace.lines, events: world.clock.events,
    virtualMinutes: world.clock.monotonicMs() / minuteMs, convergedMinutes, objects: ledger.acknowledged.length, beyondRepair,
    restoredShards: world.nodes.reduce((sum, { metrics }) => sum + (metrics.counts.get('pangea_objects_repaired_shards_total') ?? 0), 0),
    counts: ledger.counts,
  };
}

/** (c) Minutes until all rows of all objects are on machines that are up, and deletions have reached everybody. */
async function converge(world: World, ledger: Ledger, readable: readonly Parameters<typeof isWhole>[1][]): Promise<number> {
  const startMs = world.clock.monotonicMs();
  let missing: readonly string[] = [];
  while (world.clock.monotonicMs() - startMs < convergenceMs) {
    missing = [...readable.filter((object) => !isWhole(world, object)).map(({ name }) => `${name} is not whole`), ...(await undeleted(world, ledger))];
    if (missing.length === 0) return (world.clock.monotonicMs() - startMs) / minuteMs;
    await world.clock.run(minuteMs);
    checkMemory(world, false);
  }
  throw new Violation(`repair did not converge within ${convergenceMs / minuteMs} minutes: ${missing.join(', ')}`);
}

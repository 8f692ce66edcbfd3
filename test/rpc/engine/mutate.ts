/**
 * Feeds mutated sessions to both engines: `node test/rpc/engine/mutate.ts [SESSIONS [SEED]]`. Ends with 1 when one did harm:
 * a crash shows as one, a stall as more than a second for a session, a leak as servants that were not dropped just once.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { loadNative } from '../../../src/native/native.ts';
import { openNativeEngine, openWasmEngine, type Engine } from '../../../src/rpc/engine/engine.ts';
import { seededRandom, type Random } from '../../../src/std/std.ts';
import { alone, type Probe } from './probe.ts';
import { honest, mutated } from './session.ts';

export interface Harvest {
  readonly sessions: number;
  /** How many connections were ended for what came. */
  readonly ended: number;
  /** How many of them because the engine itself broke. */
  readonly broken: number;
  readonly slowestMs: number;
  readonly problems: readonly string[];
}

const everyProbe = (probe: Probe): Probe[] => [probe, ...probe.children.flatMap(everyProbe)];

async function feed(engine: Engine, messages: readonly Uint8Array[], random: Random): Promise<{ readonly reason: string; readonly problem: string | undefined; readonly milliseconds: number }> {
  let reason = '';
  const started = performance.now();
  const { server, probe } = alone(engine, { memoryBytes: 16 * 1024 * 1024, messageBytes: 4 * 1024 * 1024 }, (error) => {
    reason = error?.message ?? 'goodbye';
  });
  const session = Buffer.concat(messages);
  let most = 0;
  for (let at = 0; at < session.length;) {
    const end = Math.min(session.length, at + 1 + random.integer(400));
    server.receive(session.subarray(at, end));
    most = Math.max(most, server.counts().memoryBytes);
    at = end;
    if (random.integer(4) === 0) await turn();
  }
  await turn();
  server.close();
  await turn();
  const milliseconds = performance.now() - started;
  const wrong = everyProbe(probe).filter(({ droppedTimes }) => droppedTimes !== 1);
  if (wrong.length > 0) return { reason, milliseconds, problem: `${wrong.length} servants were dropped ${wrong.map(({ droppedTimes }) => droppedTimes).join()} times` };
  if (most > 20 * 1024 * 1024) return { reason, milliseconds, problem: `${most} bytes were held` };
  if (milliseconds > 1000) return { reason, milliseconds, problem: `it took ${milliseconds} ms` };
  return { reason, milliseconds, problem: undefined };
}

/** Feeds `sessions` of the series that `seed` begins. */
export async function harvest(engine: Engine, sessions: number, seed: number): Promise<Harvest> {
  const problems: string[] = [];
  let [ended, broken, slowestMs] = [0, 0, 0];
  const pure = await feed(engine, honest(), seededRandom(seed));
  if (pure.reason !== '') problems.push(`the session that nobody changed: ${pure.reason}`);
  for (let index = 0; index < sessions; index += 1) {
    const random = seededRandom(seed + index);
    const { reason, problem, milliseconds } = await feed(engine, mutated(random), random);
    if (reason !== '') ended += 1;
    if (reason.includes('the engine could not go on')) broken += 1;
    if (problem !== undefined) problems.push(`session ${seed + index}: ${problem}`);
    slowestMs = Math.max(slowestMs, milliseconds);
  }
  return { sessions, ended, broken, slowestMs, problems };
}

if (import.meta.main) {
  const sessions = Number(process.argv[2] ?? 2000);
  const seed = Number(process.argv[3] ?? 1);
  for (const engine of [...(loadNative().ok ? [openNativeEngine()] : []), openWasmEngine()]) {
    const before = process.memoryUsage.rss();
    const { ended, broken, slowestMs, problems } = await harvest(engine, sessions, seed);
    const grown = Math.round((process.memoryUsage.rss() - before) / 1024 / 1024);
    process.stdout.write(`${engine.name}: ${sessions} sessions, ${ended} ended for it, ${broken} broke the engine, slowest ${slowestMs.toFixed(0)} ms, ${grown} MiB more\n`);
    for (const problem of problems.slice(0, 20)) process.stdout.write(`  ${problem}\n`);
    if (problems.length > 0) process.exitCode = 1;
  }
}

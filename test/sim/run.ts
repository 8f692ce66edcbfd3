/**
 * Long runs: `npm run sim -- --seeds 1000 --from 1`, one seed again with its course of events:
 * `npm run sim -- --seed 42 --trace`. Ends with exit code 1 at the first seed that breaks an invariant.
 */
import { parseArgs } from 'node:util';
import { simulate, type SimulationResult } from './simulate.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    minutes: { type: 'string', default: '15' },
    trace: { type: 'boolean', default: false },
  },
});
const from = Number(values.seed ?? values.from);
const to = values.seed === undefined ? from + Number(values.seeds) : from + 1;
const chaosMs = Number(values.minutes) * 60_000;
const startMs = performance.now();
let [objects, restored, events, virtualMinutes, slowest] = [0, 0, 0, 0, 0];

for (let seed = from; seed < to; seed++) {
  const result = await simulate({ seed, chaosMs, keepTrace: values.trace });
  if (values.trace) process.stdout.write(`${result.trace.join('\n')}\n`);
  if (result.violation !== undefined) fail(result);
  objects += result.objects;
  restored += result.restoredShards;
  events += result.events;
  virtualMinutes += result.virtualMinutes;
  slowest = Math.max(slowest, result.convergedMinutes ?? 0);
  if (values.seed !== undefined || (seed - from + 1) % 50 === 0) process.stdout.write(`${line(result)}\n`);
}
const seconds = (performance.now() - startMs) / 1000;
process.stdout.write(
  `${to - from} seeds passed in ${seconds.toFixed(0)} s: ${(virtualMinutes / 60).toFixed(0)} virtual hours, ${events} events, ` +
  `${objects} objects, ${restored} shards restored, slowest convergence ${slowest.toFixed(0)} virtual minutes\n`,
);

function line(result: SimulationResult): string {
  const { puts, putErrors, gets, getErrors } = result.counts;
  return `seed ${result.seed}: ${result.hash.slice(0, 16)} ${result.virtualMinutes.toFixed(0)} virtual minutes, ${result.events} events, ` +
    `${puts} puts (${putErrors} failed), ${gets} gets (${getErrors} failed), ${result.restoredShards} restored, ` +
    `converged in ${result.convergedMinutes?.toFixed(0) ?? '-'} minutes, ${result.beyondRepair} beyond repair`;
}

function fail(result: SimulationResult): never {
  process.stdout.write(`${line(result)}\nseed ${result.seed} FAILED: ${result.violation?.stack ?? ''}\nreplay: npm run sim -- --seed ${result.seed} --minutes ${values.minutes} --trace\n`);
  process.exit(1);
}

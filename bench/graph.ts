// The graph beside gun.js. `node bench/graph.ts [--smoke] [--json] [--runs N] [--seed N] [--part engine,fan-out,sync,latency]`
// Reasons and what was learnt: docs/internals/graph-bench.md. The data follows from numbers alone: the seed is only recorded.
import { parseArgs } from 'node:util';
import { type BenchPart, measureGraph, parts } from './graph/measure.ts';
import { full, smoke } from './graph/workloads.ts';
import { commit, machine, table } from './record.ts';

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean' }, json: { type: 'boolean' }, runs: { type: 'string' }, seed: { type: 'string', default: '1' }, part: { type: 'string' },
  },
});
const pace = values.smoke === true ? smoke : full;
const wanted = values.part === undefined ? parts : parts.filter((part): part is BenchPart => values.part?.split(',').includes(part) === true);
const show = (what: string): void => void (process.stderr.isTTY && process.stderr.write(`${what} …\n`));
const rows = await measureGraph({ ...pace, rounds: values.runs === undefined ? pace.rounds : Number(values.runs) }, wanted, show);
const record = { bench: 'graph', machine: machine(), commit: commit(), seed: Number(values.seed), rows };
process.stdout.write(values.json === true ? `${JSON.stringify(record)}\n` : `${table(record)}\n`);

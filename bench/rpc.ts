// RPC beside its rivals. `node bench/rpc.ts [--smoke] [--json] [--runs N] [--seed N]`; reasons in docs/internals/rpc-bench.md.
// Rates are what the client sees; CPU is the server's process alone. Nothing here is random: the seed is only recorded.
import { parseArgs } from 'node:util';
import { commit, machine, table } from './record.ts';
import { measureRpc } from './rpc/measure.ts';
import { full, smoke } from './rpc/workloads.ts';

const { values } = parseArgs({
  options: { smoke: { type: 'boolean' }, json: { type: 'boolean' }, runs: { type: 'string' }, seed: { type: 'string', default: '1' } },
});
const pace = values.smoke === true ? smoke : full;
const { rows, missing } = await measureRpc({ ...pace, rounds: values.runs === undefined ? pace.rounds : Number(values.runs) });
for (const each of missing) process.stderr.write(`left out: ${each}\n`);
const record = { bench: 'rpc', machine: machine(), commit: commit(), seed: Number(values.seed), rows };
process.stdout.write(values.json === true ? `${JSON.stringify(record)}\n` : `${table(record)}\n`);

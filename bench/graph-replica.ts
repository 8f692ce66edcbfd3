// The core of the graph without network and disk. `node bench/graph-replica.ts [--smoke] [--json] [--runs N] [--seed N]`
// Rates are puts of one node with three fields in a second of this thread's processor, which says the same on a busy
// machine as on a quiet one; memory is the heap that nodes of three fields take, after a collection.
import { setFlagsFromString } from 'node:v8';
import { parseArgs } from 'node:util';
import { runInNewContext } from 'node:vm';
import { checkGraph } from '../src/graph/data/check.ts';
import type { Delta } from '../src/graph/data/types.ts';
import { createReplica } from '../src/graph/replica/create.ts';
import type { Replica } from '../src/graph/replica/replica.ts';
import { MemoryStore } from '../src/graph/storage/memory.ts';
import { type Random, seededRandom, systemClock } from '../src/std/std.ts';
import { type BenchRecord, commit, machine, type Row, spread, table } from './record.ts';

interface Options {
  readonly runs: number;
  readonly seed: number;
  readonly nodes: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The processor's time is counted in steps, and small runs end within one. */
const leastMicros = 1;

export async function benchGraphReplica({ runs, seed, nodes }: Options): Promise<BenchRecord> {
  const values = new Map<string, { row: Omit<Row, 'value'>; values: number[] }>();
  const note = (workload: string, unit: string, value: number): void => {
    const known = values.get(workload) ?? { row: { workload, variant: 'memory', unit }, values: [] };
    known.values.push(value);
    values.set(workload, known);
  };
  for (let round = 0; round <= runs; round++) {
    const texts = messages(nodes, seededRandom(seed));
    const parsed = texts.map(deltasOf);
    const measured = (workload: string, run: () => void): void => {
      const start = process.threadCpuUsage();
      run();
      const { user, system } = process.threadCpuUsage(start);
      if (round > 0) note(workload, 'puts/CPU s', nodes / (Math.max(user + system, leastMicros) / 1e6));
    };
    const mergeAll = (replica: Replica): void => {
      for (const deltas of parsed) replica.merge(deltas, 'peer');
    };
    const replica = createReplica({ store: new MemoryStore(), clock: systemClock });
    measured('merge new nodes', () => mergeAll(replica));
    measured('merge them again: nothing new', () => mergeAll(replica));
    const later = parsed.map((deltas) => deltas.map(({ soul, fields }) => ({ soul, fields: fields.map((field) => ({ ...field, state: field.state + 1 })) })));
    measured('change all their fields', () => {
      for (const deltas of later) replica.merge(deltas, 'peer');
    });
    await replica.close();

    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const fromText = createReplica({ store: new MemoryStore(), clock: systemClock });
    measured('from text: parse, check, merge', () => {
      for (const text of texts) fromText.merge(deltasOf(text), 'peer');
    });
    collectGarbage();
    if (round > 0) note('memory of a node', 'bytes', (process.memoryUsage().heapUsed - before) / nodes);
    await fromText.close();
  }
  const rows = [...values.values()].map(({ row, values: all }) => ({ ...row, value: spread(all) }));
  return { bench: 'graph-replica', machine: machine(), commit: commit(), seed, rows };
}

function messages(nodes: number, random: Random): string[] {
  const state = systemClock.nowMs() - 1_000;
  return Array.from({ length: nodes }, (_, at) => {
    const soul = `node/${at}`;
    const fields = { name: `name ${random.integer(1e9)}`, age: random.integer(100), ok: random.integer(2) === 1 };
    return JSON.stringify({ [soul]: { _: { '#': soul, '>': { name: state, age: state, ok: state } }, ...fields } });
  });
}

function deltasOf(text: string): readonly Delta[] {
  const checked = checkGraph(JSON.parse(text));
  if (!checked.ok) throw new Error(checked.detail);
  return checked.deltas;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { smoke: { type: 'boolean' }, json: { type: 'boolean' }, runs: { type: 'string', default: '5' }, seed: { type: 'string', default: '1' } },
  });
  const size = values.smoke ? { runs: 1, nodes: 500 } : { runs: Number(values.runs), nodes: 100_000 };
  const record = await benchGraphReplica({ ...size, seed: Number(values.seed) });
  process.stdout.write(values.json ? `${JSON.stringify(record)}\n` : `${table(record)}\n`);
}

// The stores of the graph on a real directory. `node bench/graph-store.ts [--smoke] [--json] [--runs N] [--seed N] [--dir DIR]`
// Rates are fields a second through the contract; "loop" is the longest turn of the event loop in milliseconds.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import type { Delta } from '../src/graph/data/types.ts';
import { openDurableStore } from '../src/graph/storage/durable.ts';
import { MemoryStore } from '../src/graph/storage/memory.ts';
import type { GraphStore } from '../src/graph/storage/storage.ts';
import { type Random, seededRandom } from '../src/std/std.ts';
import { type BenchRecord, type Row, commit, machine, spread, table } from './record.ts';

interface Options {
  readonly runs: number;
  readonly seed: number;
  /** New nodes of three fields, a tenth of them read and changed again, and as many items in one large node. */
  readonly nodes: number;
  /** Where the stores are made: a directory of the disk to be measured. */
  readonly directory: string;
}

const variants: readonly { readonly name: string; open(directory: string): Promise<GraphStore> }[] = [
  { name: 'memory', open: async () => new MemoryStore() },
  { name: 'leveldb', open: openDurableStore },
];

/** Every workload on every store in turn, round after round, so that the drift of the machine hits all alike. */
export async function benchGraphStore({ runs, seed, nodes, directory }: Options): Promise<BenchRecord> {
  const rates = new Map<string, { row: Omit<Row, 'value'>; values: number[] }>();
  for (let round = 0; round <= runs; round++) {
    for (const variant of variants) {
      const place = await mkdtemp(join(directory, 'pangea-bench-'));
      const store = await variant.open(place);
      const measured = async (workload: string, count: number, run: () => Promise<unknown>): Promise<void> => {
        const delay = monitorEventLoopDelay({ resolution: 1 });
        delay.enable();
        const start = performance.now();
        await run();
        const seconds = (performance.now() - start) / 1000;
        delay.disable();
        if (round === 0) return; // warms up
        for (const [unit, value] of [['fields/s', count / seconds], ['loop ms', Math.max(0, delay.max / 1e6 - 1)]] as const) {
          const row = { workload, variant: variant.name, unit };
          const key = JSON.stringify(row);
          if (!rates.has(key)) rates.set(key, { row, values: [] });
          rates.get(key)?.values.push(value);
        }
      };
      await workloads(store, nodes, seededRandom(seed), measured);
      await store.close();
      await rm(place, { recursive: true });
    }
  }
  const rows = [...rates.values()].map(({ row, values }) => ({ ...row, value: spread(values) }));
  return { bench: 'graph-store', machine: machine(), commit: commit(), seed, rows };
}

type Measured = (workload: string, count: number, run: () => Promise<unknown>) => Promise<void>;

async function workloads(store: GraphStore, nodes: number, random: Random, measured: Measured): Promise<void> {
  const soul = (number: number): string => `~${((number * 2_654_435_761) >>> 0).toString(36)}/node/${number}`;
  const delta = (number: number, state: number): Delta => ({
    soul: soul(number),
    fields: [{ key: 'name', value: `node ${number}`, state }, { key: 'count', value: number * state, state }, { key: 'next', value: { '#': soul(number + 1) }, state }],
  });
  const any = (): number => random.integer(nodes);
  const item = (number: number, state: number) => ({ key: `item/${String(number).padStart(8, '0')}`, value: { '#': soul(number) }, state });
  const few = Math.ceil(nodes / 10);

  for (const [size, count] of [[1_000, nodes], [100, few], [1, Math.ceil(nodes / 100)]] as const) {
    const first = size === 1_000 ? 0 : nodes * size;
    await measured(`new nodes of 3 fields, ${size} a write`, count * 3, () => inSteps(count, size, (at, length) =>
      store.write(Array.from({ length }, (_, i) => delta(first + at + i, 1)))));
  }
  await measured('change all 3 fields of any nodes, 1000 a write', few * 3, () => inSteps(few, 1_000, (_, length) =>
    store.write(Array.from({ length }, () => delta(any(), 2 + any())))));
  await measured('items of one large node, 1000 a write', nodes, () => inSteps(nodes, 1_000, (at, length) =>
    store.write([{ soul: 'set', fields: Array.from({ length }, (_, i) => item(at + i, 1)) }])));
  await measured('change any item of it, 100 writes at once', few, () => inSteps(few, 100, (_, length) =>
    Promise.all(Array.from({ length }, () => store.write([{ soul: 'set', fields: [item(any(), 2 + any())] }])))));
  await measured('one delta with all items of a node', nodes, () => store.write([{ soul: 'whole', fields: Array.from({ length: nodes }, (_, i) => item(i, 1)) }]));
  await measured('read any nodes, 1000 a call', few * 3, () => inSteps(few, 1_000, (_, length) => store.read(Array.from({ length }, () => soul(any())))));
  await measured('read any nodes one by one', few * 3, () => inSteps(few, 1, () => store.read([soul(any())])));
  await measured('read the large node', nodes, () => store.read(['set']));
  await measured('range of some 2 KB in the large node', Math.ceil(few / 10) * 50, () => inSteps(Math.ceil(few / 10), 1, () => store.range('set', { '>': item(any(), 1).key, '%': 2_000 })));
  await measured('list all souls', nodes, async () => {
    let count = 0;
    for await (const _ of store.souls()) count++;
    return count;
  });
}

async function inSteps(count: number, size: number, step: (at: number, length: number) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < count; at += size) await step(at, Math.min(size, count - at));
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      smoke: { type: 'boolean' }, json: { type: 'boolean' }, runs: { type: 'string', default: '3' },
      seed: { type: 'string', default: '1' }, dir: { type: 'string', default: tmpdir() },
    },
  });
  const size = values.smoke ? { runs: 1, nodes: 500 } : { runs: Number(values.runs), nodes: 100_000 };
  const record = await benchGraphStore({ ...size, seed: Number(values.seed), directory: values.dir });
  process.stdout.write(values.json ? `${JSON.stringify(record)}\n` : `${table(record)}\n`);
}

// The shard store per backend on a real directory. `node bench/store.ts [--smoke] [--json] [--runs N] [--seed N] [--dir DIR]`
// Rates are MiB of payload through the contract: a second as a caller sees it, and a second of CPU over all threads.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { blake3 } from '@napi-rs/blake-hash';
import { type Body, bodyFrom, nativeBody } from '../src/body/body.ts';
import { loadNative } from '../src/native/native.ts';
import { mapConcurrent, seededRandom } from '../src/std/std.ts';
import { type ShardStore, type StoreRecord, openNativeStore, openNodeFsStore } from '../src/store/store.ts';
import { type BenchRecord, type Row, commit, machine, spread, table } from './record.ts';

interface Options {
  readonly runs: number;
  readonly seed: number;
  /** Shards of 1 MiB, and small ones of 16 KiB. */
  readonly shards: number;
  readonly smallShards: number;
  /** Where the stores are made: a directory of the disk to be measured. */
  readonly directory: string;
}

interface Variant {
  readonly name: string;
  open(directory: string): Promise<ShardStore>;
  body(bytes: Uint8Array): Body;
}

const object = new Uint8Array(32).fill(1);
const mebibyte = 2 ** 20;

/** Every workload on every backend in turn, round after round, so that the drift of the machine hits all alike. */
export async function benchStore({ runs, seed, shards, smallShards, directory }: Options): Promise<BenchRecord> {
  const random = seededRandom(seed);
  const large = random.bytes(mebibyte);
  const small = random.bytes(16 * 1024);
  const rates = new Map<string, { row: Omit<Row, 'value'>; values: number[] }>();
  for (let round = 0; round <= runs; round++) {
    for (const variant of variants()) {
      const place = await mkdtemp(join(directory, 'pangea-bench-'));
      const store = await variant.open(place);
      const measured = async (workload: string, bytes: number, run: () => Promise<unknown>): Promise<void> => {
        const start = performance.now();
        const cpuBefore = process.cpuUsage();
        await run();
        const cpu = process.cpuUsage(cpuBefore);
        const seconds = (performance.now() - start) / 1000;
        if (round === 0) return; // warms up
        for (const [unit, cost] of [['MiB/s', seconds], ['MiB/CPU-s', (cpu.user + cpu.system) / 1e6]] as const) {
          const row = { workload, variant: variant.name, unit };
          const key = JSON.stringify(row);
          if (!rates.has(key)) rates.set(key, { row, values: [] });
          rates.get(key)?.values.push(bytes / mebibyte / cost);
        }
      };
      const put = recordMaker(variant, large);
      await measured('put 1 MiB shards, 8 a call, fsync', shards * mebibyte, async () => {
        for (let first = 0; first < shards; first += 8) {
          await store.put(Array.from({ length: Math.min(8, shards - first) }, (_, i) => put(first + i)), 'fsync');
        }
      });
      const read = async (stripe: number): Promise<void> => (await store.get({ object, kind: 0, stripe, row: 0 }))?.release();
      const all = Array.from({ length: shards }, (_, stripe) => stripe);
      await measured('get 1 MiB shards, 8 at once, after put', shards * mebibyte, () => mapConcurrent(all, 8, read));
      await measured('get 1 MiB shards, 8 at once, again', shards * mebibyte, () => mapConcurrent(all, 8, read));
      const putSmall = recordMaker(variant, small);
      const smallOnes = Array.from({ length: smallShards }, (_, i) => shards + i);
      await measured('put 16 KiB shards, 16 at once, fsync', smallShards * small.length, () =>
        mapConcurrent(smallOnes, 16, (stripe) => store.put([putSmall(stripe)], 'fsync')));
      await store.close();
      await rm(place, { recursive: true });
    }
  }
  const rows = [...rates.values()].map(({ row, values }) => ({ ...row, value: spread(values) }));
  return { bench: 'store', machine: machine(), commit: commit(), seed, rows };
}

function variants(): Variant[] {
  const load = loadNative();
  const portable: Variant = {
    name: 'node-fs',
    open: (directory) => openNodeFsStore({ directory, create: true, owner: 'bench' }),
    body: bodyFrom,
  };
  if (!load.ok) return [portable];
  const native: Variant = {
    name: 'native',
    open: (directory) => openNativeStore(load.native, { directory, create: true, owner: 'bench' }),
    body: (bytes) => nativeBody(load.native, bodyFrom(bytes)),
  };
  return [native, portable];
}

function recordMaker(variant: Variant, bytes: Uint8Array): (stripe: number) => StoreRecord {
  const identity = blake3(bytes);
  const payload = variant.body(bytes);
  return (stripe) => ({ key: { object, kind: 0, stripe, row: 0 }, identity, payload });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      smoke: { type: 'boolean' }, json: { type: 'boolean' }, runs: { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' }, dir: { type: 'string', default: tmpdir() },
    },
  });
  const size = values.smoke ? { runs: 1, shards: 8, smallShards: 32 } : { runs: Number(values.runs), shards: 512, smallShards: 1000 };
  const record = await benchStore({ ...size, seed: Number(values.seed), directory: values.dir });
  process.stdout.write(values.json ? `${JSON.stringify(record)}\n` : `${table(record)}\n`);
}

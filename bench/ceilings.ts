/** What this machine gives without us, measured before anything of ours; memory copy is measured between the stages, see `ces/plan.ts`. */
import { measureDisk } from './ceilings/disk.ts';
import { measureLoopback } from './ceilings/loopback.ts';
import { type BenchRecord, type Ceiling, type Row, spread } from './record.ts';

export interface Ceilings {
  readonly rows: readonly Row[];
  /** MiB a second of the medians. */
  readonly diskWrite: number;
  readonly diskRead: number;
  readonly loopback: number;
}

const mebibyte = 2 ** 20;

export async function measureCeilings(options: { directory: string; seed: number; smoke: boolean; signal: AbortSignal }): Promise<Ceilings> {
  const { directory, seed, smoke, signal } = options;
  const disk = measureDisk(directory, { megabytes: smoke ? 4 : 256, runs: smoke ? 1 : 3, seed });
  const loopback = await measureLoopback(smoke ? 100 : 2_000, signal);
  const row = (workload: string, variant: string, rates: readonly number[]): Row => ({ workload, variant, unit: 'MiB/s', value: spread(rates.map((rate) => rate / mebibyte)) });
  const write = row('disk write with fsync, one stream', disk.path, disk.write);
  const read = row('disk read, one stream', disk.path, disk.read);
  const tcp = row('loopback, one stream', 'TCP', [loopback]);
  return { rows: [write, read, tcp], diskWrite: write.value.median, diskRead: read.value.median, loopback: tcp.value.median };
}

/** The record with the ceiling beside each rate that has one. */
export function withCeilings(record: BenchRecord, ceilings: Ceilings): BenchRecord {
  const of = ({ workload, unit }: Row): Omit<Ceiling, 'percent'> | undefined => {
    if (unit !== 'MiB/s' || workload.startsWith('disk ceiling')) return undefined;
    if (record.bench === 'store') return workload.startsWith('put') ? { name: 'disk write', value: ceilings.diskWrite } : { name: 'disk read', value: ceilings.diskRead };
    // A path that is made slow has nothing to do with loopback's rate.
    return /^(put|get)\b(?!.* lost )/.test(workload) ? { name: 'loopback', value: ceilings.loopback } : undefined;
  };
  return {
    ...record,
    rows: [...ceilings.rows, ...record.rows.map((row) => {
      const ceiling = of(row);
      return ceiling === undefined ? row : { ...row, ceiling: { ...ceiling, percent: (row.value.median / ceiling.value) * 100 } };
    })],
  };
}

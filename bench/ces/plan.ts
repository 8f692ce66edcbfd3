/** Everything that is measured: each stage on every kernel and subject, the pipelines, and what the ratios ask for. */
import { dataNames, type DataName } from '../data.ts';
import { dataBytesOf, type Hello, type Op } from '../protocol.ts';
import { type Cell, type Group, groupOf, keyOf, textLevel } from './cells.ts';
import { type Bench, cellsOfRatios } from './goals.ts';

interface Job {
  readonly op: Op;
  readonly bytes: number;
  readonly data: DataName;
  readonly threads: number;
  /** Of all subjects that compress; where it is missing, ours decide by content and rivals take the text's level. */
  readonly level?: number;
}

const ours = ['native', 'addon', 'wasm', 'portable'];
const reedSolomon: readonly Op[] = ['rs-encode', 'rs-decode', 'rs-repair'];
const sealing: readonly Op[] = ['seal', 'open'];
const pipelines: readonly Op[] = ['whole-encode', 'whole-decode', 'stripe-encode', 'stripe-open'];
const compressing: readonly Op[] = ['compress', 'decompress', ...pipelines];
/** Ops of which one call of the addon takes all free cores. */
const spreading: readonly Op[] = [...reedSolomon, ...pipelines];

/** What goes into the table, the ceilings first; then each ratio on its own, so that what it compares is measured within a second. */
export function planGroups(hellos: ReadonlyMap<string, Hello>, bench: Bench): Group[] {
  const does = ({ subject, op, kernel }: Cell): boolean => {
    const hello = hellos.get(subject);
    if (hello === undefined || !hello.ops.includes(op)) return false;
    return kernel === undefined || hello.kernels === undefined || hello.kernels.includes(kernel);
  };
  const asked = jobs(bench).flatMap((job) => cellsOf(job, hellos, bench)).filter(does);
  const forRatios = [...cellsOfRatios(bench)].map(([ratio, cells]) => ({ ratio, cells: once(cells.filter(does)) }));
  // What only a ratio looks at is shown, too.
  const shown = once([...asked, ...forRatios.flatMap(({ cells }) => cells)]);
  const table = Map.groupBy(once([...ceilingsOf(shown).filter(does), ...shown]), groupOf);
  return [...[...table.values()].map((cells) => ({ ratio: '', cells })), ...forRatios];
}

function once(cells: readonly Cell[]): Cell[] {
  return [...new Map(cells.map((cell) => [keyOf(cell), cell])).values()];
}

/** Memory copy of as many bytes as the cell works on: by Rust where the addon is, by JavaScript otherwise. */
export function ceilingOf(cell: Cell, subject: string): Cell {
  return { subject, op: 'copy', bytes: dataBytesOf(cell), data: 'random', threads: cell.threads };
}

export const copiers = ['native', 'portable'];

function ceilingsOf(cells: readonly Cell[]): Cell[] {
  return cells.flatMap((cell) => copiers.map((subject) => ceilingOf(subject === 'native' ? cell : { ...cell, threads: 1 }, subject)));
}

function jobs({ sizes, cores }: Bench): Job[] {
  const random = { data: 'random' } as const;
  const bothSizes = [...reedSolomon, ...sealing, 'hash' as const].flatMap((op) => [
    ...[sizes.small, sizes.large].map((bytes) => ({ op, bytes, ...random, threads: 1 })),
    ...(cores > 1 ? [{ op, bytes: sizes.large, ...random, threads: cores }] : []),
  ]);
  const zstd = (['compress', 'decompress'] as const).flatMap((op) => dataNames.map((data) => ({ op, bytes: sizes.large, data, threads: 1, level: textLevel })));
  const whole = pipelines.flatMap((op) => [1, ...(cores > 1 ? [cores] : [])].flatMap((threads) => [
    { op, bytes: sizes.block, ...random, threads },
    { op, bytes: sizes.block, data: 'text' as const, threads, level: textLevel },
  ]));
  return [...bothSizes, { op: 'store', bytes: sizes.large, ...random, threads: 1 }, ...zstd, ...whole];
}

function cellsOf(job: Job, hellos: ReadonlyMap<string, Hello>, { cores }: Bench): Cell[] {
  const cells: Cell[] = [];
  for (const [subject, { ops, kernels, ciphers }] of hellos) {
    if (!ops.includes(job.op)) continue;
    const rival = !ours.includes(subject);
    const threads = subject === 'addon' && spreading.includes(job.op) ? cores : 1;
    // Of the others only Rust is asked to run on several threads.
    if (subject !== 'native' && job.threads !== threads) continue;
    cells.push({ subject, ...job, ...(rival && job.level === undefined && compressing.includes(job.op) ? { level: textLevel } : {}) });
    if (job.threads > 1) continue;
    if (reedSolomon.includes(job.op)) cells.push(...(kernels ?? []).slice(rival ? 0 : 1).map((kernel) => ({ subject, ...job, kernel })));
    if (sealing.includes(job.op)) cells.push(...(ciphers ?? []).slice(1).map((cipher) => ({ subject, ...job, cipher })));
  }
  return cells;
}

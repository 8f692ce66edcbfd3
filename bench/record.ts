/** What makes a figure a result: the machine, the commit, the seed, and the spread over runs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

export interface Row {
  readonly workload: string;
  readonly variant: string;
  readonly unit: string;
  readonly value: Spread;
}

export interface BenchRecord {
  readonly bench: string;
  readonly machine: Machine;
  /** Short hash, with `+` behind it when the tree had changes. */
  readonly commit: string;
  readonly seed: number;
  readonly rows: readonly Row[];
}

const root = fileURLToPath(new URL('..', import.meta.url));

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  };
}

export function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] }).toString().trim();
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+');
  } catch {
    return `version ${(JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string }).version}`;
  }
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1), runs: sorted.length };
}

/** A table for people: median, and min–max behind it. */
export function table(record: BenchRecord): string {
  const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
  const cells = record.rows.map((row) => [row.workload, row.variant, figure(row.value.median), row.unit, `${figure(row.value.min)}–${figure(row.value.max)}`, `${row.value.runs}`]);
  const all = [['workload', 'variant', 'median', 'unit', 'min–max', 'runs'], ...cells];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length))) ?? [];
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
  return [`${record.bench}: ${record.machine.cpu}, ${record.machine.cores} cores, ${record.machine.node}, commit ${record.commit}, seed ${record.seed}`, ...lines].join('\n');
}

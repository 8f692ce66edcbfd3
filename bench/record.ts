/** What makes a figure a result: the machine, the commit, the seed, and the spread over runs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly architecture: string;
  /** How the clock of the first core is governed; `unknown` where the machine does not tell, as most virtual ones. */
  readonly governor: string;
  /** Load average of the last minute when the bench began: beyond half the cores other work disturbs the figures. */
  readonly load: number;
  /** The compiler found on the path, which built the addon when it was built here. */
  readonly rustc: string;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Quartiles: half of the runs lie between them. */
  readonly q1: number;
  readonly q3: number;
  readonly runs: number;
}

/** What the machine itself gives for the same bytes. */
export interface Ceiling {
  readonly name: string;
  /** In the unit of the row. */
  readonly value: number;
  readonly percent: number;
}

export interface Row {
  readonly workload: string;
  readonly variant: string;
  readonly unit: string;
  readonly value: Spread;
  readonly ceiling?: Ceiling;
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
    architecture: `${platform()} ${arch()}`,
    governor: attempt(() => readFileSync('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor', 'utf8').trim()) ?? 'unknown',
    load: loadavg()[0] ?? 0,
    rustc: attempt(() => execFileSync('rustc', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 }).toString().trim()) ?? 'unknown',
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
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
  const { min, q1, median, q3, max } = quartiles(values);
  return { median, min, max, q1, q3, runs: values.length };
}

/** Of at least one value; quartiles are interpolated between the two nearest. */
export function quartiles(values: readonly number[]): { min: number; q1: number; median: number; q3: number; max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    const above = sorted[Math.ceil(place)] ?? Number.NaN;
    return below + (above - below) * (place - Math.floor(place));
  };
  return { min: at(0), q1: at(0.25), median: at(0.5), q3: at(0.75), max: at(1) };
}

/** A table for people: median, and min–max behind it. */
export function table(record: BenchRecord): string {
  const cells = record.rows.map((row) => [row.workload, row.variant, figure(row.value.median), row.unit, `${figure(row.value.min)}–${figure(row.value.max)}`, `${row.value.runs}`,
    row.ceiling === undefined ? '' : `${row.ceiling.percent.toFixed(0)} % of ${row.ceiling.name}`]);
  const lines = columns([['workload', 'variant', 'median', 'unit', 'min–max', 'runs', 'ceiling'], ...cells]);
  return [`${record.bench}: ${record.machine.cpu}, ${record.machine.cores} cores, ${record.machine.node}, commit ${record.commit}, seed ${record.seed}`, ...lines].join('\n');
}

export function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
}

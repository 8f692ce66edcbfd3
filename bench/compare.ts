/** Two runs side by side: of two machines, or of two commits on one. */
import { readFileSync } from 'node:fs';
import { PangeaError } from '../src/errors/errors.ts';
import type { CesRecord } from './ces/ces.ts';
import { type BenchRecord, columns, figure } from './record.ts';

export interface Comparison {
  readonly bench: string;
  readonly machines: readonly [string, string];
  readonly rows: readonly { readonly workload: string; readonly variant: string; readonly unit: string; readonly a: number | null; readonly b: number | null; readonly bOverA: number | null }[];
  readonly ratios: readonly { readonly name: string; readonly a: number | string; readonly b: number | string }[];
}

/** A table for people, or one JSON document. Throws `FILE_IO` or `USAGE`. */
export function compareFiles(a: string, b: string, json: boolean): string {
  const comparisons = compareRecords(readRecords(a), readRecords(b));
  if (comparisons.length === 0) throw new PangeaError('USAGE', `${a} and ${b} have no bench in common`);
  return json ? JSON.stringify(comparisons) : comparisons.map(show).join('\n\n');
}

/** Benches that both have; of several records of one bench the last counts. */
export function compareRecords(a: readonly BenchRecord[], b: readonly BenchRecord[]): Comparison[] {
  const last = (records: readonly BenchRecord[]): Map<string, BenchRecord> => new Map(records.map((record) => [record.bench, record]));
  const others = last(b);
  return [...last(a).values()].flatMap((one) => {
    const other = others.get(one.bench);
    return other === undefined ? [] : [compareTwo(one, other)];
  });
}

function compareTwo(a: BenchRecord, b: BenchRecord): Comparison {
  const keyOf = ({ workload, variant, unit }: BenchRecord['rows'][number]): string => JSON.stringify([workload, variant, unit]);
  const medians = (record: BenchRecord): Map<string, number> => new Map(record.rows.map((row) => [keyOf(row), row.value.median]));
  const [ofA, ofB] = [medians(a), medians(b)];
  const rows = [...new Set([...ofA.keys(), ...ofB.keys()])].map((key) => {
    const [workload, variant, unit] = JSON.parse(key) as [string, string, string];
    const [left, right] = [ofA.get(key) ?? null, ofB.get(key) ?? null];
    return { workload, variant, unit, a: left, b: right, bOverA: left === null || right === null ? null : right / left };
  });
  const ratios = (record: BenchRecord): Readonly<Record<string, number | string>> =>
    Object.fromEntries(Object.entries((record as Partial<CesRecord>).ratios ?? {}).map(([name, ratio]) => [name, 'missing' in ratio ? `missing: ${ratio.missing}` : ratio.value]));
  const [left, right] = [ratios(a), ratios(b)];
  return {
    bench: a.bench, machines: [header(a), header(b)], rows,
    ratios: [...new Set([...Object.keys(left), ...Object.keys(right)])].map((name) => ({ name, a: left[name] ?? '-', b: right[name] ?? '-' })),
  };
}

function header({ machine, commit, seed }: BenchRecord): string {
  return `${machine.cpu}, ${machine.cores} cores, ${machine.node}, commit ${commit}, seed ${seed}`;
}

function show({ bench, machines, rows, ratios }: Comparison): string {
  const cell = (value: number | string | null): string => (value === null ? '-' : typeof value === 'string' ? value : figure(value));
  return [
    `${bench}`, `A: ${machines[0]}`, `B: ${machines[1]}`,
    ...columns([['workload', 'variant', 'A', 'B', 'unit', 'B / A'], ...rows.map((row) => [row.workload, row.variant, cell(row.a), cell(row.b), row.unit, row.bOverA === null ? '-' : row.bOverA.toFixed(2)])]),
    ...(ratios.length === 0 ? [] : ['', ...columns([['ratio', 'A', 'B'], ...ratios.map(({ name, a, b }) => [name, cell(a), cell(b)])])]),
  ].join('\n');
}

/** One JSON document or JSON lines. */
function readRecords(path: string): BenchRecord[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new PangeaError('FILE_IO', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  const records = parseDocument(text) ?? text.split('\n').map(parseDocument).flatMap((found) => found ?? [undefined]);
  if (!records.every(isRecord)) throw new PangeaError('USAGE', `${path} holds no records of a benchmark`);
  return records;
}

function parseDocument(text: string): unknown[] | undefined {
  try {
    return [JSON.parse(text) as unknown].flat();
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is BenchRecord {
  const { bench, rows, machine } = (value ?? {}) as Partial<BenchRecord>;
  return typeof bench === 'string' && Array.isArray(rows) && typeof machine === 'object';
}

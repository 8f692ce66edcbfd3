/** The bench of the Compression–Encryption–Sharding core: subjects, data, rounds, and what comes of them. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { DataSet } from '../data.ts';
import { makeDataSets } from '../data.ts';
import type { Hello } from '../protocol.ts';
import { commit, machine, spread, type BenchRecord, type Row } from '../record.ts';
import { Subject, type SubjectStart } from '../subject.ts';
import { type Cell, fullSizes, keyOf, smokeSizes, variantOf, workloadOf } from './cells.ts';
import { type Bench, type Ratios, ratiosFrom } from './goals.ts';
import { measureAll, type Pace, type Results } from './measure.ts';
import { ceilingOf, copiers, planGroups } from './plan.ts';

export interface CesOptions {
  readonly seed: number;
  readonly smoke: boolean;
  readonly rounds?: number;
  readonly rivals: readonly SubjectStart[];
  readonly signal: AbortSignal;
  progress(done: number, all: number, what: string): void;
}

/** What is known of a subject, or why it is missing. */
export type SubjectNote = { readonly id: string } & (Hello | { readonly missing: string });

export interface CesRecord extends BenchRecord {
  readonly bench: 'ces';
  readonly pace: Pace;
  readonly data: readonly Omit<DataSet, 'file'>[];
  readonly subjects: readonly SubjectNote[];
  readonly ratios: Ratios;
}

/** A round takes about twenty seconds. Many quick ones beat few long ones: the speed of a shared machine changes within seconds. */
const fullPace: Pace = { rounds: 15, stages: { rounds: 10, roundMs: 4 }, pipelines: { rounds: 3, roundMs: 15 } };
const smokePace: Pace = { rounds: 1, stages: { rounds: 1, roundMs: 1 }, pipelines: { rounds: 1, roundMs: 1 } };
const own = {
  native: new URL('../subjects/native.ts', import.meta.url),
  addon: new URL('../subjects/addon.ts', import.meta.url),
  wasm: new URL('../subjects/wasm.ts', import.meta.url),
  portable: new URL('../subjects/portable.ts', import.meta.url),
};

function ownSubjects(): SubjectStart[] {
  return Object.entries(own).map(([id, url]) => ({
    id, command: process.execPath, present: true, args: ['--disable-warning=ExperimentalWarning', fileURLToPath(url)],
  }));
}

export async function benchCes({ seed, smoke, rounds, rivals, signal, progress }: CesOptions): Promise<CesRecord> {
  const bench: Bench = { sizes: smoke ? smokeSizes : fullSizes, cores: availableParallelism(), judged: !smoke };
  const before = machine();
  const pace = { ...(smoke ? smokePace : fullPace), ...(rounds === undefined ? {} : { rounds }) };
  const data = makeDataSets(bench.sizes.block, seed);
  const subjects = new Map<string, Subject>();
  const stop = (): void => subjects.forEach((subject) => subject.kill());
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { hellos, notes } = await startAll([...ownSubjects(), ...rivals], subjects);
    const groups = planGroups(hellos, bench);
    const results = await measureAll({
      groups, pace, fileOf: data.fileOf, signal, progress,
      ask: (id, request) => subjects.get(id)?.measure(request) ?? Promise.reject(new Error('is not running')),
    });
    const missing = new Map(notes.flatMap((note) => ('missing' in note ? [[note.id, note.missing] as const] : [])));
    return {
      bench: 'ces', machine: before, commit: commit(), seed, pace, subjects: notes,
      data: data.sets.map(({ name, bytes, xxhash64, origin }) => ({ name, bytes, xxhash64, origin })),
      rows: rowsOf(groups.flatMap(({ ratio, cells }) => (ratio === '' ? cells : [])), results),
      ratios: ratiosFrom((ratio, cell) => {
        const reason = missing.get(cell.subject);
        return reason !== undefined ? { missing: `${cell.subject}: ${reason}` } : hellos.has(cell.subject) ? results.ratesOf(cell, ratio) : { missing: `${cell.subject} was not asked for` };
      }, bench),
    };
  } finally {
    signal.removeEventListener('abort', stop);
    await Promise.all([...subjects.values()].map((subject) => subject.close()));
    data.remove();
  }
}

/** One that cannot start, or answers its greeting with an error, is noted with the reason and left out. */
async function startAll(starts: readonly SubjectStart[], subjects: Map<string, Subject>): Promise<{ hellos: Map<string, Hello>; notes: SubjectNote[] }> {
  const hellos = new Map<string, Hello>();
  const notes = await Promise.all(starts.map(async (start): Promise<SubjectNote> => {
    if (!start.present) return { id: start.id, missing: start.reason ?? 'is not installed' };
    const subject = new Subject(start);
    subjects.set(start.id, subject);
    try {
      return { id: start.id, ...(await subject.hello()) };
    } catch (error) {
      subjects.delete(start.id);
      await subject.close();
      return { id: start.id, missing: error instanceof Error ? error.message : String(error) };
    }
  }));
  // In the order of the list, not of their answers.
  for (const note of notes) if (!('missing' in note)) hellos.set(note.id, note);
  return { hellos, notes };
}

const gigabyte = 1e9;

function rowsOf(cells: readonly Cell[], results: Results): Row[] {
  const medians = new Map<string, number>();
  const rows = cells.flatMap((cell): { cell: Cell; row: Row }[] => {
    const rates = results.ratesOf(cell);
    if ('missing' in rates) return [];
    const value = spread(rates.flatMap((rate) => (rate === null ? [] : [rate / gigabyte])));
    if (value.runs === 0) return [];
    medians.set(keyOf(cell), value.median);
    return [{ cell, row: { workload: workloadOf(cell), variant: variantOf(cell), unit: 'GB/s', value } }];
  });
  return rows.map(({ cell, row }) => {
    const ceiling = copiers.map((subject) => medians.get(keyOf(ceilingOf(cell, subject)))).find((value) => value !== undefined);
    if (ceiling === undefined || cell.op === 'copy') return row;
    return { ...row, ceiling: { name: 'memory copy', value: ceiling, percent: (row.value.median / ceiling) * 100 } };
  });
}

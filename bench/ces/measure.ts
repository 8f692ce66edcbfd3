/** Rounds over all cells in turn, so that the drift of the machine hits all alike. */
import { PangeaError } from '../../src/errors/errors.ts';
import { quartiles } from '../record.ts';
import type { Measured, MeasureRequest } from '../protocol.ts';
import { type Cell, type Group, groupOf, keyOf, variantOf, workloadOf } from './cells.ts';
import type { Rates } from './ratios.ts';

export interface Pace {
  /** Rounds over everything. */
  readonly rounds: number;
  /**
   * Of each request: so many short rounds, of which the upper quartile counts, because other work on the machine can only
   * slow one down. A call of a stage takes microseconds, and many short rounds find gaps between that work; a call of
   * a pipeline takes milliseconds.
   */
  readonly stages: Short;
  readonly pipelines: Short;
}

interface Short {
  readonly rounds: number;
  readonly roundMs: number;
}

/** Asks one subject; rejects with what the subject says. */
export type Ask = (subject: string, request: MeasureRequest) => Promise<Measured>;

export interface Results {
  /** Of the table, or as it was measured for one ratio. */
  ratesOf(cell: Cell, ratio?: string): Rates;
}

interface Options {
  readonly groups: readonly Group[];
  readonly pace: Pace;
  readonly fileOf: (data: Cell['data']) => string;
  readonly ask: Ask;
  readonly signal: AbortSignal;
  progress(done: number, all: number, what: string): void;
}

/** Throws `CORRUPT` when two subjects of one code give different bytes: their rates would say nothing. */
export async function measureAll({ groups, pace, fileOf, ask, signal, progress }: Options): Promise<Results> {
  const rates = new Map<string, (number | null)[]>();
  const failures = new Map<string, string>();
  const all = pace.rounds * groups.reduce((sum, group) => sum + group.cells.length, 0);
  let done = 0;
  for (let round = 0; round < pace.rounds; round++) {
    for (const group of groups) {
      // One pace for all that is compared: short rounds would find gaps on a busy machine that long ones do not.
      const short = group.cells.some(({ op }) => takesLong.test(op)) ? pace.pipelines : pace.stages;
      const checks: { cell: Cell; check: string }[] = [];
      // There and back again, so that a steady drift cancels out between neighbours.
      for (const cell of round % 2 === 0 ? group.cells : group.cells.toReversed()) {
        signal.throwIfAborted();
        const key = group.ratio + keyOf(cell);
        progress(done++, all, `${workloadOf(cell)}: ${variantOf(cell)}`);
        if (failures.has(keyOf(cell))) continue;
        try {
          const { rates: measured, check } = await ask(cell.subject, requestOf(cell, short, fileOf(cell.data)));
          checks.push({ cell, check });
          const known = rates.get(key) ?? [];
          known[round] = quartiles(measured).q3;
          rates.set(key, known);
        } catch (error) {
          failures.set(keyOf(cell), `${cell.subject}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      for (const same of Map.groupBy(checks, ({ cell }) => groupOf(cell)).values()) refuseDifferent(same);
    }
  }
  signal.throwIfAborted();
  progress(all, all, '');
  return {
    ratesOf(cell, ratio = '') {
      const failure = failures.get(keyOf(cell));
      if (failure !== undefined) return { missing: failure };
      const known = rates.get(ratio + keyOf(cell));
      if (known === undefined) return { missing: `${variantOf(cell)} has no ${workloadOf(cell)}` };
      return Array.from({ length: pace.rounds }, (_, round) => known[round] ?? null);
    },
  };
}

const takesLong = /^(?:whole|stripe|compress|decompress)/;

function requestOf({ op, bytes, kernel, cipher, level, threads, calls }: Cell, { rounds, roundMs }: Short, file: string): MeasureRequest {
  return {
    op, file, bytes, rounds, roundMs, threads, ...(calls === undefined ? {} : { calls }),
    ...(kernel === undefined ? {} : { kernel }), ...(cipher === undefined ? {} : { cipher }), ...(level === undefined ? {} : { level }),
  };
}

/** An empty check says that the output is random, or of another code. */
export function refuseDifferent(checks: readonly { readonly cell: Cell; readonly check: string }[]): void {
  const told = checks.filter(({ check }) => check !== '');
  const [first] = told;
  if (first === undefined || told.every(({ check }) => check === first.check)) return;
  const list = told.map(({ cell, check }) => `${variantOf(cell)} ${check}`).join(', ');
  throw new PangeaError('CORRUPT', `${workloadOf(first.cell)}: subjects of the same code gave different bytes, so no figure counts: ${list}`);
}

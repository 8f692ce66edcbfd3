/**
 * How fast each candidate is on this machine: measured once, in at most `calibrationBudgetMs`, and kept in the user's
 * cache until anything changes that it depends on. Short rounds, interleaved over all candidates, the best round counts:
 * another process then slows all of them or spoils one round, and not one candidate.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import {
  formatCalibrations, maxCalibrationFileBytes, parseCalibrations, type Calibration, type CalibrationReport,
} from '../capabilities/capabilities.ts';
import type { Clock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';

/** After this nothing more is measured: on a machine so busy that the last timer is 80 ms late, a start still waits less than 300 ms. */
export const calibrationBudgetMs = 220;
/** Of it, the stages inside the native codec; what they leave is for the codecs as wholes. */
export const stagesBudgetMs = 150;
const mostPasses = 3;
const roundMs = 2;

/** One candidate that can be measured. */
export interface Measurable {
  /** `stage/path`, the name of its rate. */
  readonly name: string;
  /** Bytes of data a second over one round of about `roundMs`. */
  measure(roundMs: number): Promise<number>;
}

export interface CalibrationOptions {
  /** Undefined where there is no place for a cache. */
  readonly file: string | undefined;
  readonly key: string;
  /** `fresh` takes no notice of the cache; `never` measures nothing. */
  readonly mode: 'cached' | 'fresh' | 'never';
  /** False when the rates are not those of the next start, because paths are forced or hidden. */
  readonly keep: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Calibrator {
  /** Of all that could be measured within what is left of the budget. Without `useKnown` kept rates do not stand for these. Never throws. */
  rates(candidates: readonly Measurable[], budgetMs: number, useKnown?: boolean): Promise<ReadonlyMap<string, number>>;
  /** Keeps what was measured, if it is complete, and says what came of it. */
  finish(): Promise<CalibrationReport>;
}

/** Reads what is known. Nothing here throws: a start without rates is a start by the order of expectation. */
export async function openCalibrator(options: CalibrationOptions): Promise<Calibrator> {
  const { file, key, mode, keep, clock, logger } = options;
  const kept = file === undefined ? [] : await readCalibrations(file);
  const known = kept.find((each) => each.key === key);
  const rates: Record<string, number> = mode === 'fresh' ? {} : { ...known?.rates };
  const missing: string[] = [];
  let measured = false;
  let spentMs = 0;

  const fresh = (detail: string): CalibrationReport => ({ source: 'fresh', detail, madeMs: clock.nowMs(), tookMs: Math.max(1, Math.round(spentMs)), machine: key });

  return {
    async rates(candidates, budgetMs, useKnown = true) {
      if (!useKnown) for (const { name } of candidates) delete rates[name];
      if (!candidates.every(({ name }) => Object.hasOwn(rates, name)) && mode !== 'never') {
        // Rates of one occasion are compared with each other, never with those of another.
        const started = clock.monotonicMs();
        const found = await measure(candidates, { clock, logger, until: started + budgetMs - spentMs });
        spentMs += clock.monotonicMs() - started;
        measured = true;
        for (const { name } of candidates) {
          const rate = found.get(name);
          if (rate === undefined) missing.push(name);
          else rates[name] = rate;
        }
        return found;
      }
      return new Map(candidates.flatMap(({ name }) => (rates[name] === undefined ? [] : [[name, rates[name]]])));
    },
    async finish() {
      if (!measured) {
        return known === undefined
          ? { source: 'none', detail: 'nothing was measured', madeMs: 0, tookMs: 0, machine: key }
          : { source: 'cached', detail: file ?? '', madeMs: known.madeMs, tookMs: known.tookMs, machine: key };
      }
      if (!keep) return fresh('not kept, because paths are forced or hidden');
      // Kept, it would stand for all later starts, most of which find the machine less busy.
      if (missing.length > 0) return fresh(`not kept, because there was no time for ${missing.join(', ')}`);
      if (file === undefined) return fresh('not kept, because there is no cache directory');
      const made: Calibration = { key, madeMs: clock.nowMs(), tookMs: Math.max(1, Math.round(spentMs)), rates };
      return fresh(await writeCalibrations(file, formatCalibrations(kept, made)));
    },
  };
}

/** The best round of each, until the passes are done or the time is up; what was never measured is missing. */
async function measure(candidates: readonly Measurable[], limits: { clock: Clock; logger: Logger; until: number }): Promise<Map<string, number>> {
  const { clock, logger, until } = limits;
  const best = new Map<string, number>();
  for (let pass = 0; pass < mostPasses; pass++) {
    for (const { name, measure: run } of candidates) {
      const left = until - clock.monotonicMs();
      if (left <= 0) return best;
      const late = new AbortController();
      const running = run(roundMs).catch((error: unknown) => {
        logger.warn({ candidate: name, error }, 'could not be measured');
        return 0;
      });
      const rate = await Promise.race([running, clock.sleep(left, late.signal).then(() => 0, () => 0)]);
      late.abort();
      if (rate > (best.get(name) ?? 0)) best.set(name, rate);
    }
  }
  return best;
}

/** `$XDG_CACHE_HOME/pangea-node/calibration.json`, or where the system keeps caches. */
export function calibrationFile(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const home = homedir();
  const own = process.platform === 'win32' ? environment['LOCALAPPDATA'] : home === '' ? undefined : join(home, ...(process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache']));
  const { XDG_CACHE_HOME: named = '' } = environment;
  // Its specification has relative paths ignored.
  const base = isAbsolute(named) ? named : own;
  return base === undefined || base === '' ? undefined : join(base, 'pangea-node', 'calibration.json');
}

async function readCalibrations(file: string): Promise<Calibration[]> {
  try {
    // What is no file must not hold a start.
    await using handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(maxCalibrationFileBytes + 1), position: 0 });
    return parseCalibrations(buffer.toString('utf8', 0, bytesRead));
  } catch {
    return [];
  }
}

/** Whole or not at all: nodes that start together may all write. Says where, or why not. */
async function writeCalibrations(file: string, text: string): Promise<string> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await using handle = await open(temporary, 'w', 0o600);
    await handle.writeFile(text);
    await rename(temporary, file);
    return file;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    return `not kept: ${error instanceof Error ? error.message : String(error)}`;
  }
}

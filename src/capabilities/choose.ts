/** The pick among the paths of one stage, by self-test, force and measured rate. Pure. */
import { PangeaError } from '../errors/errors.ts';
import type { PathCandidate, StageChoice, StagePlan } from './capabilities.ts';

/** Rates that differ by less than this are taken as equal: then the order of expectation decides, and two starts agree. */
export const noise = 0.05;
/**
 * For codecs as wholes, whose calls wait for other threads: on a machine busy with 10 processes the native codec was
 * seen at 0.7 of the WebAssembly one, which it is five times as fast as. What displaces another must be twice as fast.
 */
const codecNoise = 0.5;

export interface Contender {
  readonly path: string;
  /** Why it cannot be taken here: what is missing or hidden, or how its self-test failed. */
  readonly obstacle?: string;
  readonly quarantined?: boolean;
  /** Why it is taken only where nothing else can be, however fast it is. */
  readonly lastResort?: string;
  /** Best of the calibration's rounds; left out when it was not measured. */
  readonly bytesPerSecond?: number;
}

/**
 * `contenders` come with the one that is expected to be best first. No usable one gives a choice without a path.
 * Throws `BACKEND_UNAVAILABLE` when the wanted one cannot be taken: a wish is met or refused, never replaced.
 */
export function choose(stage: StagePlan['stage'], contenders: readonly Contender[], wanted?: string): StageChoice {
  if (wanted !== undefined) {
    const found = contenders.find(({ path }) => path === wanted);
    if (found === undefined || found.obstacle !== undefined) {
      throw new PangeaError('BACKEND_UNAVAILABLE', `${stage}=${wanted} is forced, but ${found?.obstacle ?? 'this build has none'}`);
    }
  }
  const usable = contenders.filter(({ obstacle }) => obstacle === undefined);
  const regular = usable.filter(({ lastResort }) => lastResort === undefined);
  const field = regular.length > 0 ? regular : usable;
  const margin = stage === 'codec' ? codecNoise : noise;
  const fastest = Math.max(0, ...field.map(({ bytesPerSecond = 0 }) => bytesPerSecond));
  const pick = wanted === undefined ? field.find(({ bytesPerSecond = 0 }) => bytesPerSecond >= fastest * (1 - margin)) : usable.find(({ path }) => path === wanted);
  const candidates = contenders.map((each): PathCandidate => ({
    path: each.path,
    usable: each.obstacle === undefined,
    reason: each === pick ? 'taken' : each.obstacle ?? reasonAgainst(each, pick, margin, wanted === undefined ? undefined : `--force ${stage}=${wanted}`),
    ...(each.quarantined === true ? { quarantined: true } : {}),
    ...(each.bytesPerSecond === undefined ? {} : { bytesPerSecond: each.bytesPerSecond }),
  }));
  return { stage, path: pick?.path, why: pick === undefined ? 'nothing can be taken' : reasonFor(pick, field, usable.length, margin, wanted), candidates };
}

function reasonFor(pick: Contender, field: readonly Contender[], usableCount: number, margin: number, wanted: string | undefined): string {
  if (wanted !== undefined) return 'belongs to what is forced';
  if (field.length === 1) return field.length === usableCount ? 'the only one that can be taken' : 'the only one but for the last resort';
  if (pick.bytesPerSecond === undefined) return 'not measured: the first in order of expectation';
  const faster = field.filter(({ bytesPerSecond = 0 }) => bytesPerSecond > (pick.bytesPerSecond ?? 0));
  return faster.length === 0 ? 'fastest measured' : `as fast as ${faster.map(({ path }) => path).join(', ')} within ${margin * 100} %, and expected to be faster`;
}

function reasonAgainst(each: Contender, pick: Contender | undefined, margin: number, force: string | undefined): string {
  if (force !== undefined) return `works, but ${force}`;
  if (each.lastResort !== undefined) return `last resort: ${each.lastResort}`;
  if (each.bytesPerSecond === undefined || pick?.bytesPerSecond === undefined) return 'works, but was not measured';
  const share = each.bytesPerSecond / pick.bytesPerSecond;
  return share > 1 - margin ? 'as fast, expected to be slower' : `slower: ${share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} % of ${pick.path}`;
}

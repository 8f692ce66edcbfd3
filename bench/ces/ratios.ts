/**
 * Ratios: ours over a rival, round by round, so that what slows the machine slows both. Pure: figures in, figures out.
 */
import { quartiles } from '../record.ts';

/** Rates of one cell, one a round; `null` where the round gave none. Or why there are none. */
export type Rates = readonly (number | null)[] | { readonly missing: string };

export interface Ratio {
  /** Median over the rounds of the pair that is worst for us. */
  readonly value: number;
  /** Quartiles over the rounds, of the same pair. */
  readonly low: number;
  readonly high: number;
  /** `null`: told for information. */
  readonly goal: number | null;
  readonly met: boolean | null;
  readonly how: string;
  /** Each size or path that was compared, with its own median. */
  readonly pairs: readonly { readonly what: string; readonly value: number; readonly low: number; readonly high: number }[];
}

export interface MissingRatio {
  readonly missing: string;
  readonly goal: number | null;
  readonly how: string;
}

export interface Pair {
  readonly what: string;
  readonly ours: Rates;
  readonly rival: Rates;
}

/** The ratio of each round that has both. */
export function perRound(ours: readonly (number | null)[], rival: readonly (number | null)[]): number[] {
  return ours.flatMap((rate, round) => {
    const other = rival[round];
    return rate === null || other === null || other === undefined ? [] : [rate / other];
  });
}

/**
 * The rate of stages that follow each other on the same bytes, each alone at its own rate: times add up.
 * `weight` is how many bytes the stage touches for each byte of data.
 */
export function inSequence(stages: readonly { readonly rates: Rates; readonly weight: number }[]): Rates {
  const length = Math.max(0, ...stages.map(({ rates }) => ('missing' in rates ? 0 : rates.length)));
  for (const { rates } of stages) if ('missing' in rates) return rates;
  return Array.from({ length }, (_, round) => {
    let time = 0;
    for (const { rates, weight } of stages) {
      const rate = (rates as readonly (number | null)[])[round];
      if (rate === null || rate === undefined) return null;
      time += weight / rate;
    }
    return 1 / time;
  });
}

/** One figure out of its pairs: the one that is worst for us. All of them must be there. */
export function ratioOf(pairs: readonly Pair[], goal: number | null, how: string): Ratio | MissingRatio {
  const found: Ratio['pairs'][number][] = [];
  for (const { what, ours, rival } of pairs) {
    if ('missing' in ours || 'missing' in rival) {
      const reasons = [rival, ours].flatMap((side) => ('missing' in side ? [side.missing] : []));
      return { missing: [...new Set(reasons)].join('; '), goal, how };
    }
    const ratios = perRound(ours, rival);
    if (ratios.length === 0) return { missing: `no round measured both sides of ${what}`, goal, how };
    const { median, q1, q3 } = quartiles(ratios);
    found.push({ what, value: median, low: q1, high: q3 });
  }
  const [worst] = found.toSorted((a, b) => a.value - b.value);
  if (worst === undefined) return { missing: 'nothing to compare', goal, how };
  return { value: worst.value, low: worst.low, high: worst.high, goal, met: goal === null ? null : worst.value >= goal, how, pairs: found };
}

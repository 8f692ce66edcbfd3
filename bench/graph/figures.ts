/** Figures by workload and variant, one a round; and ours over gun.js's, taken round by round. */
import { spread, type Row } from '../record.ts';
import { goals } from './workloads.ts';

interface Series {
  readonly workload: string;
  readonly variant: string;
  readonly unit: string;
  readonly values: number[];
}

const ours = /^pangea/;
const rival = /^gun\.js/;
/** Figures that tell what was lost or spent; a ratio of them says nothing. */
const notCompared = /^(lost|CPU|%)/;

export class Figures {
  readonly #series = new Map<string, Series>();

  add(workload: string, variant: string, unit: string, value: number): void {
    const key = JSON.stringify([workload, variant, unit]);
    const series = this.#series.get(key) ?? { workload, variant, unit, values: [] };
    series.values.push(value);
    this.#series.set(key, series);
  }

  rows(): Row[] {
    return [...this.#series.values()].map(({ workload, variant, unit, values }) => ({ workload, variant, unit, value: spread(values) }));
  }

  /** Against each variant of gun.js that did the same work in the same round. */
  ratios(): Row[] {
    const all = [...this.#series.values()].filter(({ unit }) => !notCompared.test(unit));
    return all.filter(({ variant }) => ours.test(variant)).flatMap((mine) =>
      all.filter((other) => rival.test(other.variant) && other.workload === mine.workload && other.unit === mine.unit).map((other) => {
        const goal = goals.find(({ workload, unit }) => workload.test(mine.workload) && unit.test(mine.unit));
        const aim = goal === undefined ? '' : goal.least === undefined ? `, goal at most ${goal.most ?? 0}` : `, goal at least ${goal.least}`;
        const values = mine.values.map((value, round) => value / (other.values[round] ?? Number.NaN)).filter(Number.isFinite);
        return { workload: `ratio to ${other.variant}: ${mine.workload}, ${mine.unit}${aim}`, variant: mine.variant, unit: 'x', value: spread(values) };
      })).filter(({ value }) => value.runs > 0);
  }
}

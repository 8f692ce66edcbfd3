/** Figures by workload, server and client, one a round; and their ratios, taken round by round. */
import { spread, type Row } from '../record.ts';
import { goals } from './workloads.ts';

interface Series {
  readonly workload: string;
  readonly server: string;
  readonly client: string;
  readonly unit: string;
  readonly values: number[];
}

export class Figures {
  readonly #series = new Map<string, Series>();

  add(workload: string, server: string, client: string, unit: string, value: number): void {
    const key = JSON.stringify([workload, server, client, unit]);
    const series = this.#series.get(key) ?? { workload, server, client, unit, values: [] };
    series.values.push(value);
    this.#series.set(key, series);
  }

  rows(): Row[] {
    return [...this.#series.values()].toSorted((a, b) => a.workload.localeCompare(b.workload, 'en', { numeric: true }) || a.client.localeCompare(b.client) || a.unit.localeCompare(b.unit))
      .map(({ workload, server, client, unit, values }) => ({ workload: `rpc ${workload}`, variant: `${server}, ${client} client`, unit, value: spread(values) }));
  }

  /** Ours over each other server's, of the same round, so that drift of the machine hits both sides. */
  ratios(ours: readonly string[]): Row[] {
    const rates = [...this.#series.values()].filter(({ unit }) => unit.endsWith('/s'));
    return rates.filter(({ server }) => ours.includes(server)).flatMap((mine) =>
      rates.filter((other) => !ours.includes(other.server) && other.workload === mine.workload && other.client === mine.client).map((other) => {
        const goal = goals.find(({ workload, against }) => workload.test(mine.workload) && against === other.server);
        const values = mine.values.map((value, round) => value / (other.values[round] ?? Number.NaN)).filter(Number.isFinite);
        return {
          workload: `ratio to ${other.server}: ${mine.workload}${goal === undefined ? '' : `, goal ${goal.least}`}`,
          variant: `${mine.server}, ${mine.client} client`, unit: 'x', value: spread(values),
        };
      }));
  }
}

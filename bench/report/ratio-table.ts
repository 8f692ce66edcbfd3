import type { CesRecord } from '../ces/ces.ts';
import { type BenchRecord, columns } from '../record.ts';

/** The ratios and what is missing, for a terminal. */
export function ratioTable(record: BenchRecord): string {
  const { ratios, subjects } = record as CesRecord;
  const rows = Object.entries(ratios).map(([name, ratio]) => ('missing' in ratio
    ? [name, '-', '', goalOf(ratio.goal), 'missing', ratio.missing]
    : [name, ratio.value.toFixed(2), `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}`, goalOf(ratio.goal), ratio.met === null ? '' : ratio.met ? 'met' : 'NOT MET', ratio.how]));
  const missing = subjects.flatMap((subject) => ('missing' in subject ? [`missing: ${subject.id}: ${subject.missing}`] : []));
  return [...columns([['ratio', 'median', 'quartiles', 'goal', '', 'how'], ...rows]), ...missing].join('\n');
}

export function goalOf(goal: number | null): string {
  return goal === null ? '' : `≥ ${goal}`;
}

/** One chart: a bar for each subject, whiskers from the slowest to the fastest round, a box over the middle half, the ceiling as a line. */
import { figure, type Row } from '../record.ts';

export interface Bar {
  readonly label: string;
  readonly row: Row;
  /** Ours are coloured, rivals grey. */
  readonly ours: boolean;
}

const width = 720;
const labelWidth = 208;
const valueWidth = 132;
const barHeight = 14;
const pitch = 24;
const top = 26;
/** A ceiling that is this much higher than the fastest bar would press all bars flat. */
const farCeiling = 2.5;

/** Inline SVG; its colours come from the page. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const sorted = bars.toSorted((a, b) => b.row.value.median - a.row.value.median);
  const ceilings = [...new Map(sorted.flatMap(({ row }) => (row.ceiling === undefined ? [] : [[row.ceiling.name, row.ceiling] as const]))).values()];
  const fastest = Math.max(...sorted.map(({ row }) => row.value.max));
  const longest = Math.max(fastest, ...ceilings.map(({ value }) => value).filter((value) => value <= fastest * farCeiling));
  const room = width - labelWidth - valueWidth;
  const x = (value: number): number => labelWidth + (value / longest) * room;
  const height = top + sorted.length * pitch + 4;
  const lines = sorted.map(({ label, row, ours }, index) => {
    const y = top + index * pitch;
    const middle = y + barHeight / 2;
    const { min, max, q1, q3, median } = row.value;
    const share = row.ceiling === undefined ? '' : ` · ${row.ceiling.percent.toFixed(0)} %`;
    return `<g><title>${escapeText(`${label}: median ${figure(median)} ${row.unit}, ${figure(min)}–${figure(max)}, middle half ${figure(q1)}–${figure(q3)}, ${row.value.runs} rounds`)}</title>
<text class="label${ours ? ' own' : ''}" x="${labelWidth - 10}" y="${middle}">${escapeText(label)}</text>
<rect class="${ours ? 'ours' : 'rival'}" x="${labelWidth}" y="${y}" width="${fixed(x(median) - labelWidth)}" height="${barHeight}" rx="2"/>
<path class="whisker" d="M${fixed(x(min))} ${middle}H${fixed(x(max))}M${fixed(x(min))} ${middle - 3}v6M${fixed(x(max))} ${middle - 3}v6"/>
<path class="box" d="M${fixed(x(q1))} ${middle}H${fixed(x(q3))}"/>
<text class="value" x="${fixed(Math.max(x(max), x(median)) + 8)}" y="${middle}">${figure(median)}<tspan class="share"> ${escapeText(row.unit)}${share}</tspan></text></g>`;
  });
  const marks = ceilings.map(({ name, value }) => {
    if (value > longest) return `<text class="mark" text-anchor="end" x="${labelWidth + room}" y="${top - 12}">${escapeText(`${name} ${figure(value)}, beyond the scale →`)}</text>`;
    const at = fixed(x(value));
    const anchor = x(value) > width * 0.7 ? 'end' : 'start';
    return `<path class="ceiling" d="M${at} ${top - 6}V${height}"/><text class="mark" text-anchor="${anchor}" x="${at}" y="${top - 12}">${escapeText(`${name} ${figure(value)}`)}</text>`;
  });
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(title)}">${marks.join('')}${lines.join('')}</svg>`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter);
}

function fixed(value: number): string {
  return value.toFixed(1);
}

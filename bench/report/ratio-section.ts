import type { CesRecord } from '../ces/ces.ts';
import type { MissingRatio, Ratio } from '../ces/ratios.ts';
import { escapeText } from './bars.ts';
import { goalOf } from './ratio-table.ts';

const meterWidth = 180;
const meterHeight = 14;

/** Ours over the rival: the figure, where the goal is, and how far the rounds lie apart. */
export function ratioSection({ ratios }: CesRecord): string {
  const rows = Object.entries(ratios).map(([name, ratio]) => {
    const goal = `<td class="number">${goalOf(ratio.goal)}</td>`;
    if ('missing' in ratio) return `<tr><td>${name}</td><td class="number">–</td><td class="meter"></td>${goal}<td><span class="chip">missing</span></td><td class="how">${escapeText(ratio.missing)}</td></tr>`;
    const chip = ratio.met === null ? '' : ratio.met ? '<span class="chip good">met</span>' : '<span class="chip bad">not met</span>';
    return `<tr><td>${name}</td><td class="number big" title="quartiles ${ratio.low.toFixed(3)}–${ratio.high.toFixed(3)}">${ratio.value.toFixed(2)}</td><td class="meter">${meter(ratio)}</td>${goal}<td>${chip}</td><td class="how">${escapeText(ratio.how)}${pairsOf(ratio)}</td></tr>`;
  });
  return `<section><h2>Ratios</h2><p>Ours over the rival in the same round, on the same data; the median of the rounds, and of several sizes or paths the one that is worst for us. The thin line spans the middle half of the rounds, the upright mark is the goal.</p>
<div class="card"><table><tr><th>ratio</th><th>median</th><th class="meter"></th><th>goal</th><th></th><th>how</th></tr>${rows.join('\n')}</table></div></section>`;
}

function meter({ value, low, high, goal, met }: Exclude<Ratio, MissingRatio>): string {
  const longest = Math.max(value, high, goal ?? 0) * 1.05;
  const x = (ratio: number): string => ((ratio / longest) * meterWidth).toFixed(1);
  const middle = meterHeight / 2;
  const mark = goal === null ? '' : `<path class="goal" d="M${x(goal)} 0V${meterHeight}"/>`;
  return `<svg viewBox="0 0 ${meterWidth} ${meterHeight}" role="img" aria-label="${value.toFixed(2)}"><rect class="track" width="${meterWidth}" y="3" height="8" rx="2"/><rect class="${met === false ? 'rival' : 'ours'}" width="${x(value)}" y="3" height="8" rx="2"/><path class="whisker" d="M${x(low)} ${middle}H${x(high)}"/>${mark}</svg>`;
}

function pairsOf({ pairs }: Ratio): string {
  return pairs.length < 2 ? '' : `<br>${pairs.map(({ what, value }) => `${escapeText(what)}: ${value.toFixed(2)}`).join('; ')}`;
}

/** The report: one file that needs nothing else, to send around or to keep. */
import type { CesRecord } from '../ces/ces.ts';
import type { BenchRecord, Row } from '../record.ts';
import { type Bar, barChart, escapeText } from './bars.ts';
import { ratioSection } from './ratio-section.ts';
import { style } from './style.ts';

interface Section {
  readonly title: string;
  readonly text: string;
  readonly takes: RegExp;
}

const rates = 'Rates count bytes of data.';
const sections: readonly Section[] = [
  { title: 'Reed–Solomon 8+4', takes: /^rs-/, text: `${rates} Encoding reads eight rows and writes four, so it can be faster than copying the eight. Decoding has lost data rows 0–3, repair row 0.` },
  { title: 'Pipelines', takes: /^(whole|stripe)-/, text: 'Compress or store, seal, hash and code. Random data is stored by decision of the content; text is compressed at level 3. Decoding a whole block has lost data rows 0–3.' },
  { title: 'Sealing', takes: /^(seal|open) /, text: 'XChaCha20-Poly1305 of one piece.' },
  { title: 'Hash and store', takes: /^(hash|store) /, text: 'BLAKE3 of one piece; storing is a zstd frame of raw blocks.' },
  { title: 'Compression', takes: /^(compress|decompress) /, text: 'zstd at level 3 by data set, in pieces of one segment.' },
];
/** Whose bars are coloured: subjects of ours, and every row of the store and net benches. */
const ours = /^(native|addon|wasm|portable)\b/;

export function reportOf(records: readonly BenchRecord[]): string {
  const [first] = records;
  if (first === undefined) return '';
  const body = records.map((record) => (isCes(record) ? cesSections(record) : plainSection(record))).join('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Pangea node benchmark, ${escapeText(first.machine.cpu)}, ${escapeText(first.commit)}</title>
<style>${style}</style></head>
<body><main>${headerOf(first)}
${body}
</main></body></html>
`;
}

function isCes(record: BenchRecord): record is CesRecord {
  return 'ratios' in record;
}

function headerOf(record: BenchRecord): string {
  const { machine, commit, seed } = record;
  const facts: [string, string][] = [
    ['processor', `${machine.cpu}, ${machine.cores} cores`], ['memory', `${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB`],
    ['system', `${machine.architecture}, kernel ${machine.kernel}`], ['clock governor', machine.governor], ['load before', machine.load.toFixed(1)], ['Node.js', machine.node], ['compiler', machine.rustc],
    ['commit', commit.endsWith('+') ? `${commit.slice(0, -1)} with changes` : commit], ['seed', String(seed)],
    ...(isCes(record) ? [['rounds', `${record.pace.rounds} over everything, each ${record.pace.stages.rounds} × ${record.pace.stages.roundMs} ms`] as [string, string]] : []),
  ];
  return `<header><h1>Pangea node benchmark</h1><p>What this machine gives, and what of it we use.</p>
<ul class="facts">${facts.map(([name, value]) => `<li><b>${name}</b>${escapeText(value)}</li>`).join('')}</ul></header>`;
}

const key = '<div class="key"><span><i class="ours"></i>ours</span><span><i class="rival"></i>rival</span><span><i class="spread"></i>middle half of the rounds, whiskers to the slowest and fastest</span><span><i class="line"></i>ceiling of this machine, and the share of it behind each rate</span></div>';

function cesSections(record: CesRecord): string {
  const measured = record.rows.filter((row) => row.unit === 'GB/s');
  const charts = sections.map(({ title, text, takes }) => {
    const cards = cardsOf(measured.filter((row) => takes.test(row.workload)), (row) => labelOf(row, record));
    return cards === '' ? '' : `<section><h2>${title}</h2><p>${text}</p>${key}<div class="grid">${cards}</div></section>`;
  });
  const ceilings = record.rows.filter((row) => row.unit !== 'GB/s' || row.workload.startsWith('copy '));
  return [ratioSection(record), ...charts, ceilingSection(ceilings), tablesOf(record)].join('\n');
}

function plainSection(record: BenchRecord): string {
  const title = { store: 'Store', net: 'Network', transport: 'Transport', 'put-get': 'Put and get', rpc: 'RPC', graph: 'Graph' }[record.bench] ?? record.bench;
  return `<section><h2>${escapeText(title)}</h2>${key}<div class="grid">${cardsOf(record.rows, (row) => row.variant)}</div></section>`;
}

function cardsOf(rows: readonly Row[], label: (row: Row) => string): string {
  const groups = [...Map.groupBy(rows, ({ workload, unit }) => JSON.stringify([workload, unit])).values()];
  // One thread first: charts that are compared stand side by side.
  const spread = (group: readonly Row[]): number => Number(group[0]?.workload.endsWith(' threads'));
  return groups.toSorted((a, b) => spread(a) - spread(b)).map((group) => {
    const title = group[0]?.workload ?? '';
    const bars = group.map((row): Bar => ({ row, label: label(row), ours: row.unit !== 'GB/s' || ours.test(row.variant) }));
    return `<div class="card"><h3>${escapeText(title)}</h3>${barChart(title, bars)}</div>`;
  }).join('\n');
}

/** Our own subjects with what they ran on. */
function labelOf({ workload, variant }: Row, { subjects }: CesRecord): string {
  const subject = subjects.find(({ id }) => id === variant);
  if (subject === undefined || 'missing' in subject) return variant;
  const stage = workload.startsWith('rs-') ? subject.stages?.['reedSolomon'] : /^(seal|open) /.test(workload) ? subject.stages?.['seal'] : undefined;
  return stage === undefined ? variant : `${variant} (${stage})`;
}

function ceilingSection(rows: readonly Row[]): string {
  const lines = rows.map(({ workload, variant, unit, value }) =>
    `<tr><td>${escapeText(workload)}</td><td>${escapeText(variant)}</td><td class="number">${value.median.toPrecision(4)} ${unit}</td><td class="number">${value.min.toPrecision(3)}–${value.max.toPrecision(3)}</td></tr>`);
  return `<section><h2>Ceilings</h2><p>What the machine gives without us.</p><div class="card"><table><tr><th>what</th><th>by</th><th>median</th><th>min–max</th></tr>${lines.join('')}</table></div></section>`;
}

function tablesOf({ subjects, data }: CesRecord): string {
  const who = subjects.map((subject) => ('missing' in subject
    ? `<tr><td>${escapeText(subject.id)}</td><td colspan="3"><span class="chip">missing</span> ${escapeText(subject.missing)}</td></tr>`
    : `<tr><td>${escapeText(subject.id)}</td><td>${escapeText(`${subject.name} ${subject.version}`)}</td><td>${escapeText(subject.language)}</td><td class="how">${escapeText(subject.detail)}</td></tr>`));
  const sets = data.map(({ name, bytes, xxhash64, origin }) =>
    `<tr><td>${name}</td><td class="number">${bytes / 2 ** 20} MiB</td><td><code>${xxhash64}</code></td><td class="how">${escapeText(origin)}</td></tr>`);
  return `<section><h2>Subjects</h2><div class="card"><table><tr><th>id</th><th>program</th><th>language</th><th>detail</th></tr>${who.join('')}</table></div></section>
<section><h2>Data</h2><div class="card"><table><tr><th>set</th><th>bytes</th><th>xxhash64</th><th>origin</th></tr>${sets.join('')}</table></div></section>`;
}

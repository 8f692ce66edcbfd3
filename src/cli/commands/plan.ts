import type { Plan } from '../../control/control.ts';
import { isNodeRunning } from '../../control/control.ts';
import type { Command } from '../command.ts';
import { humanBytes, table } from '../format.ts';

export const plan: Command = {
  usage: 'plan',
  summary: 'Explain which implementation of each stage this machine runs, how fast each is, and why',
  settings: 'all',
  options: { calibrate: { type: 'boolean', describe: 'Measure anew, whatever is known of this machine' } },
  examples: [
    ['plan', 'of the running node, or of one that would start now'],
    ['plan --calibrate', 'measure the candidates again (under 300 ms)'],
    ['plan --force codec=portable', 'what a forced path changes'],
    ['plan --force no-avx512 --force no-gfni', 'what a lesser machine would run'],
  ],
  async run({ args, output, config, node }) {
    const settings = config();
    const fresh = args.flag('calibrate');
    const asked = fresh || args.text('force') !== undefined;
    if (!asked && (await isNodeRunning(settings.dataDir))) {
      const found = await node().plan();
      return output.record(found, describe(found));
    }
    const [{ describePlan }, { createLogger }] = await Promise.all([import('../../node/node.ts'), import('../../telemetry/telemetry.ts')]);
    const found = await describePlan(settings, createLogger({ level: settings.logLevel }), fresh);
    output.record(found, describe(found));
  },
};

const width = 120;

function describe({ capabilities, stages, calibration, notes }: Plan): string {
  const { platform, architecture, cpuModel, cores, memoryBytes, cpu, ioUring, ebpf, native } = capabilities;
  const features = Object.entries(cpu).filter(([, there]) => there).map(([name]) => name).join(', ');
  const machine = [
    ['machine', `${platform} ${architecture}, ${cpuModel}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${humanBytes(memoryBytes)}`],
    ['cpu', features || 'no vector features found'],
    ...([['io_uring', ioUring], ['eBPF', ebpf], ['addon', native]] as const).map(([name, probe]) => [name, `${probe.available ? 'yes' : 'no'}: ${probe.detail}`]),
    ['rates', calibrationText(calibration)],
  ];
  return [columns(machine), columns([['stage', 'path', 'GB/s', 'why'], ...stages.flatMap(stageRows)], [2]), ...notes.flatMap((note) => wrap(note, width))].join('\n\n');
}

/** The chosen path first, then the others in the order of preference. */
function stageRows({ stage, chosen, why, forced, bytesPerSecond, rejected }: Plan['stages'][number]): string[][] {
  return [
    [stage, `* ${chosen}`, rateText(bytesPerSecond), `${forced && !why.startsWith('--force') ? 'forced: ' : ''}${why}`],
    ...rejected.map(({ path, reason, bytesPerSecond: rate, quarantined }) => ['', `  ${path}`, rateText(rate), `${quarantined === true ? 'QUARANTINED, ' : ''}${reason}`]),
  ];
}

function rateText(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined) return '';
  const gigabytes = bytesPerSecond / 1e9;
  return gigabytes.toFixed(gigabytes < 10 ? 2 : 1);
}

function calibrationText({ source, detail, ageMs, tookMs }: Plan['calibration']): string {
  if (source === 'none') return `none: ${detail}`;
  const one = 'on one thread';
  const when = source === 'fresh' && ageMs < 10_000 ? 'now' : `${ageText(ageMs)} ago`;
  return `measured ${when} in ${tookMs} ms, ${one}: ${detail}`;
}

function ageText(ms: number): string {
  const [name, size] = ([['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000]] as const).find(([, each]) => ms >= each) ?? ['second', 1000];
  const count = Math.floor(ms / size);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

/** A table whose last column is broken into lines, so that a row fits the terminal; text without spaces is never cut. */
function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const last = (rows[0]?.length ?? 1) - 1;
  const before = rows[0]?.slice(0, last).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)) + 2) ?? [];
  const room = Math.max(30, width - before.reduce((sum, each) => sum + each, 0));
  return table(rows.flatMap((row) => {
    const [first = '', ...more] = wrap(row[last] ?? '', room);
    return [[...row.slice(0, last), first], ...more.map((line) => [...row.slice(0, last).map(() => ''), line])];
  }), right);
}

function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= room) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

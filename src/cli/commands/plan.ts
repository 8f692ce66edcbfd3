import type { Plan } from '../../control/control.ts';
import { isNodeRunning } from '../../control/control.ts';
import type { Command } from '../command.ts';
import { humanBytes, table } from '../format.ts';

export const plan: Command = {
  usage: 'plan',
  summary: 'Explain which implementation of each stage this machine runs, and why',
  settings: 'all',
  examples: [
    ['plan', 'of the running node, or of one that would start now'],
    ['plan --force codec=portable', 'what a forced path changes'],
  ],
  async run({ args, output, config, node }) {
    const settings = config();
    const asked = args.text('force') !== undefined;
    const found = !asked && (await isNodeRunning(settings.dataDir)) ? await node().plan() : await (await import('../../node/node.ts')).describePlan(settings);
    output.record(found, describe(found));
  },
};

function describe({ capabilities, stages, notes }: Plan): string {
  const { platform, architecture, cpuModel, cores, memoryBytes, cpu, ioUring, ebpf, native } = capabilities;
  const features = Object.entries(cpu).filter(([, there]) => there).map(([name]) => name).join(', ');
  const machine = table([
    ['machine', `${platform} ${architecture}, ${cpuModel}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${humanBytes(memoryBytes)}`],
    ['cpu', features || 'no vector features found'],
    ...([['io_uring', ioUring], ['eBPF', ebpf], ['addon', native]] as const).map(([name, probe]) => [name, `${probe.available ? 'yes' : 'no'}: ${probe.detail}`]),
  ]);
  const rows = stages.map(({ stage, chosen, why, forced, rejected }) => [
    stage, chosen, `${forced ? 'forced: ' : ''}${why}`, rejected.map(({ path, reason }) => `${path} (${reason})`).join('; ') || '-',
  ]);
  return [machine, table([['stage', 'path', 'why', 'not taken'], ...rows]), ...notes].join('\n\n');
}

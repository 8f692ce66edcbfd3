import type { DoctorReport } from '../../control/control.ts';
import { isNodeRunning } from '../../control/control.ts';
import { errorCodes } from '../../errors/errors.ts';
import type { Command } from '../command.ts';
import { printable, table } from '../format.ts';

export const doctor: Command = {
  usage: 'doctor',
  summary: 'Look at every hop between this node and the world, and say what to do; exit code 69 when something failed',
  settings: 'all',
  examples: [
    ['doctor', 'of the running node: disk, ports, allowlist, bootstrap nodes, DHT, NAT, relays'],
    ['doctor --bootstrap /ip4/192.0.2.1/tcp/9091', 'before a first start: what can be seen without a node'],
    ['doctor --json | jq \'.checks[] | select(.verdict != "ok")\'', 'for scripts'],
  ],
  async run({ output, config, node }) {
    const settings = config();
    const report = (await isNodeRunning(settings.dataDir)) ? await node().doctor() : await (await import('../../node/node.ts')).diagnoseOffline(settings);
    output.record(report, describe(report));
    return report.checks.some(({ verdict }) => verdict === 'failed') ? errorCodes.PEER_UNREACHABLE : 0;
  },
};

function describe({ reachability, confirmed, checks }: DoctorReport): string {
  const reached = { public: 'others reach this node directly', private: 'others do not reach this node directly', unknown: 'whether others reach this node is not known' }[reachability];
  const rows = checks.flatMap(({ check, verdict, detail, advice }) => [
    [verdict, printable(check), printable(detail)],
    ...(advice === '' ? [] : [['', '', `-> ${printable(advice)}`]]),
  ]);
  return `${table(rows)}\n\n${reached}${confirmed.length === 0 ? '' : `: ${confirmed.map(printable).join(', ')}`}`;
}

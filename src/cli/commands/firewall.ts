import type { FirewallView } from '../../control/control.ts';
import type { Command } from '../command.ts';
import { printable, table } from '../format.ts';

export const firewall: Command = {
  usage: 'firewall',
  summary: 'Show who may connect and what was let in; "--set" replaces the list until the next start or reload',
  options: { set: { type: 'array', string: true, requiresArg: true, describe: 'Addresses and CIDR blocks that may connect, instead of those now; repeatable. To keep a list, write it to the configuration as "allow"' } },
  examples: [
    ['firewall', 'the list, and how many connections each listener let in and kept out'],
    ['firewall --set 127.0.0.0/8 --set 192.168.1.0/24', 'this machine and one network; connections of others end'],
    ['events firewall', 'follow denials as they happen'],
  ],
  async run({ args, output, node }) {
    const list = args.list('set');
    const found = args.text('set') === undefined ? await node().firewall() : await node().setFirewall(list);
    output.record(found, describe(found));
    if (list.length > 0) output.note('it holds until the node starts again or reads its configuration');
  },
};

function describe({ mode, allow, counters }: FirewallView): string {
  const rows = Object.entries(counters).map(([listener, { allowed, denied }]) => [printable(listener), String(allowed), String(denied)]);
  const counted = rows.length === 0 ? 'nobody has connected yet' : table([['listener', 'allowed', 'denied'], ...rows], [1, 2]);
  return `${table([['mode', mode], ['allows', allow.join(', ')]])}\n\n${counted}`;
}

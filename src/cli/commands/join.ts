import type { Command } from '../command.ts';
import { oneOf } from '../reference.ts';

export const join: Command = {
  usage: 'join [ticket]',
  summary: 'Enter a private network with a ticket from "invite"',
  settings: 'all',
  positionals: { ticket: { describe: 'The ticket' } },
  options: {
    'ticket-file': { type: 'string', requiresArg: true, describe: 'Read the ticket from a file, or from stdin with "-"' },
  },
  examples: [['join --ticket-file -', 'the node of this directory must not be running; start it afterwards']],
  async run({ args, output, config }) {
    const ticket = await oneOf(args.text('ticket'), args.text('ticket-file'), 'a ticket');
    const settings = config();
    const [{ joinNode }, { createLogger }] = await Promise.all([import('../../node/node.ts'), import('../../telemetry/telemetry.ts')]);
    const joined = await joinNode(settings, ticket, createLogger({ level: settings.logLevel }));
    output.record(joined, `${joined.peerId} is a member of the network ${joined.networkId}`);
    output.note('next: pangea-node start');
  },
};

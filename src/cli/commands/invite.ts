import { PangeaError } from '../../errors/errors.ts';
import type { Command } from '../command.ts';
import { parseDuration } from '../../config/config.ts';

export const invite: Command = {
  usage: 'invite',
  summary: 'Print a ticket with which another node joins the private network',
  options: {
    uses: { type: 'string', requiresArg: true, default: '1', describe: 'How many nodes may join with it' },
    expires: { type: 'string', requiresArg: true, default: '24h', describe: 'How long it is good for, like 30m, 24h or 7d' },
  },
  examples: [['invite --uses 3 --expires 1h', 'then "pangea-node join TICKET" on the other machines']],
  async run({ args, output, node }) {
    const uses = args.required('uses');
    if (!/^[1-9]\d{0,4}$/.test(uses)) throw new PangeaError('USAGE', `--uses ${uses}: expected a number from 1 to 99999`);
    const expires = args.required('expires');
    const expiresMs = parseDuration(expires);
    if (expiresMs === undefined || expiresMs === 0) throw new PangeaError('USAGE', `--expires ${expires}: expected a time with its unit, like 24h`);
    const { ticket } = await node().invite({ uses: Number(uses), expiresMs });
    output.record({ ticket, uses: Number(uses), expiresMs }, ticket);
    output.note(`on the other machine: pangea-node join TICKET   (${uses} ${uses === '1' ? 'use' : 'uses'}, ${expires})`);
  },
};

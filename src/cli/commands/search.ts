import type { Command } from '../command.ts';
import { printRecords } from './list.ts';

export const search: Command = {
  usage: 'search <pattern>',
  summary: 'Find objects by name',
  positionals: { pattern: { describe: 'Part of a name; * and ? stand for any letters' } },
  options: { links: { type: 'boolean', describe: 'Show the links too: they are secrets' } },
  examples: [['search "*.mkv"', 'all films']],
  run: ({ args, output, node }) => printRecords(node().search(args.required('pattern')), output, args.flag('links')),
};

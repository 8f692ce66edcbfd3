import type { ObjectInfo } from '../../control/control.ts';
import type { Command } from '../command.ts';
import { humanBytes, humanTime, printable, table } from '../format.ts';
import { linkFileOption, referenceOf } from '../reference.ts';

export const info: Command = {
  usage: 'info [link]',
  summary: 'Show where an object lies and how many failures it survives',
  positionals: { link: { describe: 'Link, root or name in the catalogue' } },
  options: { ...linkFileOption },
  examples: [['info movie.mkv', 'holders, shards, and what may fail']],
  async run(context) {
    const found = await context.node().info(await referenceOf(context));
    context.output.record(found, describe(found));
  },
};

function describe(found: ObjectInfo): string {
  const { root, name, kind, bytes, storedBytes, createdMs, mediaType, mode, stripes, shardsPresent, shardsTotal, survivesFailures, holders } = found;
  const overhead = bytes === 0 ? '' : ` (${(storedBytes / bytes).toFixed(2)} times)`;
  const facts = [
    ['name', printable(name)], ['kind', kind], ['root', root], ['size', humanBytes(bytes)],
    ['stored', `${humanBytes(storedBytes)}${overhead}`], ['created', humanTime(createdMs)], ['type', printable(mediaType)],
    ['cut', `${mode}, ${stripes} ${stripes === 1 ? 'stripe' : 'stripes'}`], ['shards', `${shardsPresent} of ${shardsTotal} present`],
    ['survives', `${survivesFailures} failed ${survivesFailures === 1 ? 'node' : 'nodes'}`],
  ];
  const rows = holders.map(({ peer, shards, live }) => [peer, String(shards), live ? 'live' : 'silent']);
  return `${table(facts)}\n\n${table([['holder', 'shards', 'state'], ...rows], [1])}`;
}

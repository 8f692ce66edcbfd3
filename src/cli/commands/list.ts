import type { ObjectRecord } from '../../control/control.ts';
import type { Command } from '../command.ts';
import { humanBytes, humanTime, printable, table } from '../format.ts';
import type { Output } from '../output.ts';

export const list: Command = {
  usage: ['ls', 'list'],
  summary: 'List the objects of this node\'s owner',
  options: { links: { type: 'boolean', describe: 'Show the links too: they are secrets' } },
  examples: [['ls --json | jq -r .name', 'one JSON object a line']],
  run: ({ args, output, node }) => printRecords(node().list(), output, args.flag('links')),
};

/** Tables are printed in pages, so that a catalogue of any size streams. */
export async function printRecords(records: AsyncIterable<ObjectRecord>, output: Output, links: boolean): Promise<void> {
  const head = ['root', 'size', 'created', 'kind', 'name', ...(links ? ['link'] : [])];
  let page: string[][] = [head];
  const flush = (): void => {
    if (page.length > 0) process.stdout.write(`${table(page, [1])}\n`);
    page = [];
  };
  for await (const record of records) {
    if (output.json) {
      output.record(record);
      continue;
    }
    const { root, bytes, createdMs, kind, name, link } = record;
    page.push([root.slice(0, 12), humanBytes(bytes), humanTime(createdMs), kind, printable(name), ...(links ? [link] : [])]);
    if (page.length >= 500) flush();
  }
  if (!output.json) flush();
}

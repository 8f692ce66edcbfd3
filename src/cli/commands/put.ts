import type { PutOptions, PutResult, TreeEntry } from '../../control/control.ts';
import { isPangeaError } from '../../errors/errors.ts';
import type { Command, Context } from '../command.ts';
import { inspectSource, openSource, readSource, type LocalSource } from '../files/read.ts';
import { walkTree } from '../files/walk.ts';
import { humanBytes, humanRate, printable } from '../format.ts';
import { counted, startProgress, type Progress } from '../progress.ts';

export const put: Command = {
  usage: 'put <path>',
  summary: 'Store a file, a directory or stdin, and print its link',
  positionals: { path: { describe: 'File or directory, or "-" for stdin' } },
  options: {
    name: { type: 'string', requiresArg: true, describe: 'Name in the catalogue (default: the file\'s own)' },
    'media-type': { type: 'string', requiresArg: true, describe: 'Media type, kept with the object' },
    ack: { choices: ['memory', 'some', 'all'] as const, requiresArg: true, describe: 'Answer when shards are in memory, on 9 of 12 disks, or on all 12' },
    dictionary: { type: 'string', requiresArg: true, describe: 'Compress with a dictionary object (link, root or name): for many small files of one kind' },
    'request-id': { type: 'string', requiresArg: true, describe: 'Putting again with the same id stores nothing twice' },
  },
  examples: [
    ['put movie.mkv', 'prints the link: keep it, it is address and key in one'],
    ['put photos/', 'a whole directory under one link'],
    ['put - --name shop.sql < dump', 'from stdin'],
  ],

  async run(context) {
    const { args, output } = context;
    const path = args.required('path');
    const source = await inspectSource(path);
    const progress = startProgress(output, 'put', source.bytes);
    let result: PutResult;
    try {
      result = await send(context, path, source, progress);
    } finally {
      progress.stop();
    }
    output.record(result, result.link);
    output.note(summaryOf(result));
  },
};

async function send({ args, node, output, signal }: Context, path: string, source: LocalSource, progress: Progress): Promise<PutResult> {
  const mediaType = args.text('media-type');
  const ack = args.text('ack') as PutOptions['ack'];
  const dictionary = args.text('dictionary');
  const requestId = args.text('request-id');
  const options: PutOptions = {
    name: args.text('name') ?? source.name, signal,
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(ack === undefined ? {} : { ack }),
    ...(dictionary === undefined ? {} : { dictionary }),
    ...(requestId === undefined ? {} : { requestId }),
  };
  if (source.kind === 'directory') {
    const entries = walkTree(path, (skipped) => output.note(`skipped, neither file nor directory nor link: ${printable(skipped)}`));
    return node().putTree(countedTree(entries, progress), options);
  }
  if (source.kind === 'file') {
    // The node reads the file itself where it can: through the socket its bytes would cost both processes as much as the rest of a put.
    await using opened = await openSource(path);
    try {
      if (opened.file) return await node().putFile(opened.file, options, progress.reach);
    } catch (error) {
      if (!isPangeaError(error, 'FILE_NOT_REACHABLE')) throw error;
    }
  }
  return node().put(counted(readSource(path), progress), { ...options, ...(source.bytes === undefined ? {} : { expectedBytes: source.bytes }) });
}

async function* countedTree(entries: AsyncIterable<TreeEntry>, progress: Progress): AsyncGenerator<TreeEntry> {
  for await (const entry of entries) yield entry.content === undefined ? entry : { ...entry, content: counted(entry.content, progress) };
}

function summaryOf({ name, bytes, seconds, storedBytes, compression, ack, survivesFailures }: PutResult): string {
  const durable = ack.fsynced === ack.holders ? `on all ${ack.holders} disks` : `${ack.fsynced} of ${ack.holders} on disk`;
  const failures = survivesFailures === 0 ? 'survives no failure: there are too few nodes' : `survives ${survivesFailures} failed ${survivesFailures === 1 ? 'node' : 'nodes'}`;
  return `${printable(name)}: ${humanBytes(bytes)} in ${seconds.toFixed(2)} s (${humanRate(bytes, seconds)}), `
    + `compressed to ${humanBytes(compression.compressedBytes)}, ${humanBytes(storedBytes)} stored, ${durable}, ${failures}`;
}

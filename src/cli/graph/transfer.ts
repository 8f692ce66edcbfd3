/** The whole graph out to a file, and in from one. */
import type { GraphRecord } from '../../control/control.ts';
import type { Context } from '../command.ts';
import { humanBytes, printable } from '../format.ts';
import { startProgress } from '../progress.ts';
import { recordLines, saveLines } from './files.ts';

/** Of damaged records that are named. */
const shownProblems = 5;

export async function exportGraph(context: Context, path: string): Promise<void> {
  const { args, output, node } = context;
  if (args.flag('radata')) return exportFolder(context, path);
  const counts = { records: 0, fields: 0, bytes: 0 };
  const counted = (record: GraphRecord): void => {
    counts.records += 1;
    counts.fields += Object.keys(record._['>']).length;
  };
  const lines = recordLines(node().graph.export(args.text('prefix')), counted);
  if (path === '-') {
    for await (const block of lines) await new Promise<void>((resolve) => process.stdout.write(block, () => resolve()));
    return;
  }
  const progress = startProgress(output, 'export', undefined);
  try {
    await saveLines(lines, path, args.flag('overwrite'), (bytes) => {
      counts.bytes += bytes;
      progress.add(bytes);
    });
  } finally {
    progress.stop();
  }
  output.record({ ...counts, file: path }, `${counts.fields} fields in ${humanBytes(counts.bytes)}`);
}

/** For programs that stay with gun.js. */
async function exportFolder({ args, output, node }: Context, directory: string): Promise<void> {
  const { writeGraphFolder } = await import('../../node/node.ts');
  const done = await writeGraphFolder(directory, node().graph.export(args.text('prefix')));
  output.record({ ...done, directory }, `${done.fields} fields in ${done.files} files${done.leftOut > 0 ? `, ${done.leftOut} left out that gun.js cannot keep` : ''}`);
}

export async function importGraph({ output, node, signal }: Context, path: string): Promise<void> {
  const { openGraphFile } = await import('../../node/node.ts');
  const source = await openGraphFile(path);
  const progress = startProgress(output, 'import', source.bytes);
  const read = async function* (): AsyncGenerator<GraphRecord> {
    for await (const record of source.records) {
      signal.throwIfAborted();
      yield record;
      progress.reach(source.read());
    }
  };
  const done = await node().graph.import(read()).finally(() => progress.stop());
  const malformed = done.malformed + source.malformed();
  for (const problem of source.problems().slice(0, shownProblems)) output.note(printable(problem));
  output.record({ ...done, malformed }, `${done.taken} fields taken, ${done.old} old, ${done.later} ahead of their time, ${done.refused} refused, ${malformed} records malformed, of ${done.nodes} read`);
}

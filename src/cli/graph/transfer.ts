/** The whole graph out to a file, and in from one. */
import type { GraphRecord } from '../../control/control.ts';
import type { Context } from '../command.ts';
import { humanBytes } from '../format.ts';
import { startProgress } from '../progress.ts';
import { recordLines, saveLines } from './files.ts';

export async function exportGraph({ args, output, node }: Context, path: string): Promise<void> {
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
  output.record({ ...done, malformed }, `${done.taken} fields taken, ${done.old} old, ${done.later} ahead of their time, ${done.refused} refused, ${malformed} records malformed, of ${done.nodes} read`);
}

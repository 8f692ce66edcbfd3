/** Exports and imports as files. */
import { lstat } from 'node:fs/promises';
import type { GraphRecord } from '../../control/control.ts';
import { exists } from '../files/failure.ts';
import { putInPlace } from '../files/save.ts';

const blockLetters = 1024 * 1024;

/** One record a line, in large blocks. */
export async function* recordLines(records: AsyncIterable<GraphRecord>, counted: (record: GraphRecord) => void): AsyncGenerator<string> {
  let block = '';
  for await (const record of records) {
    block += `${JSON.stringify(record)}\n`;
    counted(record);
    if (block.length < blockLetters) continue;
    yield block;
    block = '';
  }
  if (block !== '') yield block;
}

/** Whole and on disk under its name, or not there. Throws `FILE_EXISTS` unless `overwrite`. */
export async function saveLines(lines: AsyncIterable<string>, path: string, overwrite: boolean, written: (bytes: number) => void): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !overwrite) throw exists(path);
  await putInPlace(path, overwrite, 0o600, async (handle) => {
    for await (const block of lines) {
      const bytes = Buffer.from(block);
      for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at)).bytesWritten;
      written(bytes.length);
    }
  });
}

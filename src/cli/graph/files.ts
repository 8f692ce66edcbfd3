/** Exports and imports as files. */
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { GraphRecord } from '../../control/control.ts';
import { exists, localFailure } from '../files/failure.ts';
import { partName, syncDirectory } from '../files/save.ts';

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
  const part = partName(path);
  try {
    const handle = await open(part, 'wx', 0o600);
    try {
      for await (const block of lines) {
        const bytes = Buffer.from(block);
        for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at)).bytesWritten;
        written(bytes.length);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (overwrite) await rename(part, path);
    else await link(part, path);
  } catch (error) {
    throw localFailure(error, path);
  } finally {
    await rm(part, { force: true });
  }
  await syncDirectory(dirname(path));
}

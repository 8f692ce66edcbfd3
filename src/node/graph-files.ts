/** Files that a graph can be taken in from: exports of ours, and what a relay of gun.js keeps. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { GraphRecord } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';

export interface GraphFile {
  readonly records: AsyncIterable<GraphRecord>;
  /** Of all files together; undefined where it is not known. */
  readonly bytes: number | undefined;
  /** Bytes read so far. */
  read(): number;
  /** Records that could not be read, so far. */
  malformed(): number;
}

const blockBytes = 1024 * 1024;
/** UTF-16 units of one line. */
const longestLine = 64 * 1024 * 1024;

/** Throws `NOT_FOUND` and `FILE_IO`. */
export async function openGraphFile(path: string): Promise<GraphFile> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => { throw unreadable(path, error); });
  return jsonLines(path, found.size);
}

/** A line that is no JSON is counted, and the rest is read all the same. */
function jsonLines(path: string, bytes: number): GraphFile {
  const counts = { read: 0, malformed: 0 };
  const records = async function* (): AsyncGenerator<GraphRecord> {
    let rest = '';
    const stream = createReadStream(path, { highWaterMark: blockBytes, encoding: 'utf8' });
    try {
      for await (const text of stream as AsyncIterable<string>) {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > longestLine) throw new PangeaError('TOO_LARGE', `${JSON.stringify(path)} has a line of more than ${longestLine} letters: is it an export of a graph?`);
        for (const line of lines) yield* parsed(line, counts);
        counts.read = stream.bytesRead;
      }
      yield* parsed(rest, counts);
    } catch (error) {
      throw error instanceof PangeaError ? error : unreadable(path, error as NodeJS.ErrnoException);
    }
  };
  return { records: records(), bytes, read: () => counts.read, malformed: () => counts.malformed };
}

function* parsed(line: string, counts: { malformed: number }): Generator<GraphRecord> {
  if (line.trim() === '') return;
  let record: GraphRecord;
  try {
    record = JSON.parse(line) as GraphRecord;
  } catch {
    counts.malformed += 1;
    return;
  }
  yield record;
}

function unreadable(path: string, error: NodeJS.ErrnoException): PangeaError {
  const shown = JSON.stringify(path);
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return new PangeaError('NOT_FOUND', `no such file or directory: ${shown}`, { cause: error });
  return new PangeaError('FILE_IO', `${shown} cannot be read: ${error.message}`, { cause: error });
}

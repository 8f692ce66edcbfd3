/** Files of graphs: exports of ours, and the folders in which gun.js keeps its own. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { GraphRecord } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import { parseJson } from '../std/std.ts';
import { checkGraph, openRadata, toWire, writeRadata, type Delta, type Field } from '../graph/graph.ts';

export interface GraphFile {
  readonly records: AsyncIterable<GraphRecord>;
  /** Of all files together; undefined where it is not known. */
  readonly bytes: number | undefined;
  /** Bytes read so far. */
  read(): number;
  /** Records that could not be read, so far. */
  malformed(): number;
  /** Where some of them are, for people. */
  problems(): readonly string[];
}

const blockBytes = 1024 * 1024;
/** UTF-16 units of one line. */
const longestLine = 64 * 1024 * 1024;
/** A state lies on the third level. */
const recordDepth = 8;

/** A file of `graph export`, or a radata folder. Throws `NOT_FOUND` and `FILE_IO`. */
export async function openGraphFile(path: string): Promise<GraphFile> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => { throw unreadable(path, error); });
  return found.isDirectory() ? radata(path) : jsonLines(path, found.size);
}

async function radata(directory: string): Promise<GraphFile> {
  const folder = await openRadata(directory);
  const records = async function* (): AsyncGenerator<GraphRecord> {
    for await (const delta of folder.deltas()) yield recordOf(delta);
  };
  return {
    records: records(), bytes: folder.progress().bytes,
    read: () => folder.progress().bytesRead, malformed: () => folder.progress().malformed, problems: () => folder.progress().problems,
  };
}

/** Without what no message may carry: such a record is refused by whoever takes it. */
function recordOf(delta: Delta): GraphRecord {
  return toWire([delta])[delta.soul] ?? { _: { '#': delta.soul, '>': {} } };
}

/** A new folder that gun.js opens as its own. Records in order of soul, pieces of one node behind each other. Throws `FILE_EXISTS` and `FILE_IO`. */
export async function writeGraphFolder(directory: string, records: AsyncIterable<GraphRecord>): Promise<{ readonly files: number; readonly fields: number; readonly leftOut: number }> {
  return writeRadata(directory, wholeNodes(records));
}

async function* wholeNodes(records: AsyncIterable<GraphRecord>): AsyncGenerator<Delta> {
  let soul = '';
  let fields: Field[] = [];
  for await (const record of records) {
    const checked = checkGraph({ [record._['#']]: record });
    for (const delta of checked.ok ? checked.deltas : []) {
      if (delta.soul !== soul && fields.length > 0) {
        yield { soul, fields };
        fields = [];
      }
      soul = delta.soul;
      fields.push(...delta.fields);
    }
  }
  if (fields.length > 0) yield { soul, fields };
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
  return { records: records(), bytes, read: () => counts.read, malformed: () => counts.malformed, problems: () => [] };
}

function* parsed(line: string, counts: { malformed: number }): Generator<GraphRecord> {
  if (line.trim() === '') return;
  let record: GraphRecord;
  try {
    // Deeper is no record: `undefined` is counted as malformed by whoever takes it.
    record = parseJson(line, recordDepth)?.value as GraphRecord;
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

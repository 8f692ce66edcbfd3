import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { describeFile, type LocalFile } from '../../control/control.ts';
import { localFailure } from './failure.ts';

const readBytes = 1024 * 1024;

export interface LocalSource {
  readonly kind: 'file' | 'directory' | 'stream';
  readonly name: string;
  /** `undefined` for pipes, devices and what says that it is empty. */
  readonly bytes: number | undefined;
}

/** What a path of the command line is; `-` is stdin. A symlink given there is followed. */
export async function inspectSource(path: string): Promise<LocalSource> {
  if (path === '-') return { kind: 'stream', name: 'stdin', bytes: undefined };
  try {
    const found = await stat(path);
    const name = basename(resolve(path)) || 'root';
    if (found.isDirectory()) return { kind: 'directory', name, bytes: undefined };
    // Files of /proc and the like say that they are empty, whatever they hold: those too are read to their end.
    return found.isFile() && found.size > 0 ? { kind: 'file', name, bytes: found.size } : { kind: 'stream', name, bytes: undefined };
  } catch (error) {
    throw localFailure(error, path);
  }
}

/** A file held open, so that its device and inode stay its own while the node is told of them. */
export async function openSource(path: string): Promise<{ readonly file: LocalFile | undefined } & AsyncDisposable> {
  try {
    const handle = await open(path);
    return { file: await describeFile(handle, resolve(path)), [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    throw localFailure(error, path);
  }
}

export async function* readSource(path: string): AsyncGenerator<Uint8Array> {
  const stream = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: readBytes });
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    throw localFailure(error, path);
  }
}

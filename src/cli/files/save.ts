import { randomBytes } from 'node:crypto';
import { link, lstat, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { describeFile, type LocalFile } from '../../control/control.ts';
import { PangeaError } from '../../errors/errors.ts';
import { exists, localFailure } from './failure.ts';

const blockBytes = 1024 * 1024;

/** A name beside `path` that nobody else uses; what a killed command leaves behind is recognised by it. */
export function partName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
}

/** Something is there that must not be lost. */
export async function refuseExisting(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined) throw exists(path);
}

/** Brings the content: fills the file by other means and gives `undefined`, or gives what is to be written. Without a file it can only give. */
export type Bring = (file: LocalFile | undefined) => Promise<AsyncIterable<Uint8Array> | undefined>;

/**
 * Writes beside `path` and renames when all is on disk, so that a failed command leaves no partial file. Pipes and devices are
 * written directly. Throws `FILE_EXISTS` unless `overwrite`, also when another process was quicker.
 */
export async function saveFile(bring: Bring, path: string, bytes: number, overwrite: boolean): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile() && !found.isSymbolicLink() && !found.isDirectory()) return writeDirectly(await broughtBy(bring), path, bytes);
  if (found?.isDirectory() === true) throw new PangeaError('FILE_EXISTS', `${JSON.stringify(path)} is a directory`);
  if (found !== undefined && !overwrite) throw exists(path);
  await putInPlace(path, overwrite, 0o666, async (handle, part) => {
    const content = await bring(await describeFile(handle, resolve(part)));
    if (content !== undefined) await writeAll(handle, content, bytes);
    else await checkLength(handle, bytes);
  });
}

/** Written under another name, synced, then named `path`: whole and on disk, or not there. `mode` is less the umask. */
export async function putInPlace(path: string, overwrite: boolean, mode: number, fill: (handle: FileHandle, part: string) => Promise<void>): Promise<void> {
  const part = partName(path);
  try {
    const handle = await open(part, 'wx', mode);
    try {
      await fill(handle, part);
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

/** The content itself, for a target that is no file. */
export async function broughtBy(bring: Bring): Promise<AsyncIterable<Uint8Array>> {
  const content = await bring(undefined);
  if (content === undefined) throw new PangeaError('INTERNAL', 'the content was written to a file that nobody named');
  return content;
}

async function checkLength(handle: FileHandle, bytes: number): Promise<void> {
  const { size } = await handle.stat();
  if (size !== bytes) throw new PangeaError('CORRUPT', `${size} bytes were written where ${bytes} were announced`);
}

/** Writes chunks in large blocks. A chunk is valid until the next is asked for, so it is copied; the disk works meanwhile. */
export async function writeAll(handle: FileHandle, content: AsyncIterable<Uint8Array>, bytes: number): Promise<void> {
  let block = Buffer.allocUnsafeSlow(Math.max(1, Math.min(blockBytes, bytes)));
  let spare = Buffer.allocUnsafeSlow(block.length);
  let held = 0;
  let total = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = writeBlock(handle, block.subarray(0, held));
    writing.catch(() => undefined);
    [block, spare] = [spare, block];
    held = 0;
  };
  for await (const chunk of content) {
    total += chunk.length;
    for (let at = 0; at < chunk.length;) {
      const taken = Math.min(block.length - held, chunk.length - at);
      block.set(chunk.subarray(at, at + taken), held);
      held += taken;
      at += taken;
      if (held === block.length) await flush();
    }
  }
  if (held > 0) await flush();
  await writing;
  if (total !== bytes) throw new PangeaError('CORRUPT', `${total} bytes came where ${bytes} were announced`);
}

export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined);
  // Some file systems cannot sync a directory; the file itself is on disk then.
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function writeBlock(handle: FileHandle, block: Uint8Array): Promise<void> {
  for (let at = 0; at < block.length;) at += (await handle.write(block, at)).bytesWritten;
}

async function writeDirectly(content: AsyncIterable<Uint8Array>, path: string, bytes: number): Promise<void> {
  try {
    const handle = await open(path, 'w');
    try {
      await writeAll(handle, content, bytes);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw localFailure(error, path);
  }
}

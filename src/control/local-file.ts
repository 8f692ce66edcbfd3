import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { PangeaError } from '../errors/errors.ts';

/**
 * A regular file that client and node both see: then its bytes need not pass through the socket. Device and inode say that a path
 * means the same file to both, which it does not across containers, chroots and network mounts.
 */
export interface LocalFile {
  /** Absolute. */
  readonly path: string;
  /** Decimal, since both may have 64 bits. */
  readonly device: string;
  readonly inode: string;
  readonly bytes: number;
  /** Nanoseconds since 1970. */
  readonly modifiedNs: string;
}

/** First byte of the answer to a get: whether the content went to the file or follows. */
export const delivery = { file: 0x46, content: 0x43 } as const;

const readBytes = 1024 * 1024;
/** A multiple of every disk's block. */
const directBlockBytes = 4096;

/** What the client says of a file that it has open. `undefined` for pipes, devices and sockets. */
export async function describeFile(handle: FileHandle, path: string): Promise<LocalFile | undefined> {
  const found = await handle.stat({ bigint: true });
  return found.isFile() ? { path, device: String(found.dev), inode: String(found.ino), bytes: Number(found.size), modifiedNs: String(found.mtimeNs) } : undefined;
}

/** Opens the very file that the client has open, or throws `FILE_NOT_REACHABLE`: the client then sends the bytes itself. */
export async function openSame(file: LocalFile, access: 'read' | 'write'): Promise<FileHandle> {
  // A path that has become a pipe meanwhile must not hang the node.
  const flags = (access === 'read' ? constants.O_RDONLY : constants.O_WRONLY) | constants.O_NONBLOCK;
  let handle: FileHandle | undefined;
  try {
    handle = await open(file.path, flags);
    const found = await describeFile(handle, file.path);
    if (found?.device === file.device && found.inode === file.inode && found.bytes === file.bytes) return handle;
  } catch (error) {
    throw unreachable(file, error);
  }
  await handle.close();
  throw unreachable(file);
}

/** The content in chunks that are valid until the next is asked for; the next is read meanwhile. A file that changed since it was described is `FILE_CHANGED`, one that cannot be read `FILE_IO`. */
export async function* readSame(handle: FileHandle, { path, bytes, modifiedNs }: LocalFile): AsyncGenerator<Uint8Array> {
  const length = Math.max(1, Math.min(readBytes, bytes));
  let [current, spare] = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
  const read = (buffer: Buffer, at: number): Promise<number> => {
    const reading = fill(handle, buffer.subarray(0, Math.min(length, bytes - at)), at).catch((error: unknown) => {
      throw failure(path, error);
    });
    reading.catch(() => undefined);
    return reading;
  };
  let reading = read(current, 0);
  for (let at = 0; at < bytes;) {
    const count = await reading;
    if (count === 0) throw changed(path);
    const chunk = current.subarray(0, count);
    at += count;
    [current, spare] = [spare, current];
    if (at < bytes) reading = read(current, at);
    yield chunk;
  }
  const now = await describeFile(handle, path);
  if (now?.bytes !== bytes || now.modifiedNs !== modifiedNs) throw changed(path);
  // A file of the kernel has more than it says.
  if ((await fill(handle, spare.subarray(0, 1), bytes)) > 0) throw changed(path);
}

/**
 * Writes chunk after chunk from the start, and tells after each how much is written. Throws `FILE_IO`. Whole blocks go past the page cache where the file
 * system allows it: fresh pages of it cost more than all the rest of a get (2.4 against 0.2 CPU-s per GiB).
 */
export async function* writeSame(handle: FileHandle, file: LocalFile, content: AsyncIterable<Uint8Array>): AsyncGenerator<number> {
  let direct = await openDirect(file);
  try {
    let at = 0;
    for await (const chunk of content) {
      const whole = direct === undefined || at % directBlockBytes !== 0 ? 0 : chunk.length - (chunk.length % directBlockBytes);
      if (direct !== undefined && whole > 0) {
        try {
          await writeAt(direct, chunk.subarray(0, whole), at);
        } catch (error) {
          // Not the disk's failure, but the chunk's: it does not start where direct access wants it.
          if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw failure(file.path, error);
          await direct.close();
          direct = undefined;
        }
      }
      const written = direct === undefined ? 0 : whole;
      await writeAt(handle, chunk.subarray(written), at + written).catch((error: unknown) => {
        throw failure(file.path, error);
      });
      at += chunk.length;
      yield at;
    }
  } finally {
    await direct?.close();
  }
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

/** A second handle on the same file; `undefined` where there is no direct access. */
async function openDirect(file: LocalFile): Promise<FileHandle | undefined> {
  // Absent on other systems than Linux.
  const flag = (constants as Partial<typeof constants>).O_DIRECT;
  if (flag === undefined) return undefined;
  const handle = await open(file.path, constants.O_WRONLY | constants.O_NONBLOCK | flag).catch(() => undefined);
  if (handle === undefined) return undefined;
  const found = await describeFile(handle, file.path);
  if (found?.device === file.device && found.inode === file.inode) return handle;
  await handle.close();
  return undefined;
}

/** Reads until the buffer is full or the file ends. */
async function fill(handle: FileHandle, buffer: Buffer, at: number): Promise<number> {
  let count = 0;
  while (count < buffer.length) {
    const { bytesRead } = await handle.read(buffer, count, buffer.length - count, at + count);
    if (bytesRead === 0) break;
    count += bytesRead;
  }
  return count;
}

function unreachable({ path }: LocalFile, cause?: unknown): PangeaError {
  return new PangeaError('FILE_NOT_REACHABLE', `the node does not see ${JSON.stringify(path)} as this command does`, { cause });
}

/** As a command tells it that reads and writes by itself. */
function failure(path: string, error: unknown): PangeaError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new PangeaError('FILE_IO', `${JSON.stringify(path)}: ${code === 'ENOSPC' ? 'the disk is full' : message}`, { cause: error });
}

function changed(path: string): PangeaError {
  return new PangeaError('FILE_CHANGED', `${JSON.stringify(path)} changed while it was read, so nothing was stored: put it again when nobody writes to it`);
}

/**
 * Secrets in the data directory: `magic, version, payload, checksum`, mode 0600, written so that a
 * power cut leaves either the whole file or none. Format: `schema/membership.md`.
 */
import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ByteWriter, equalBytes, utf8 } from '../std/std.ts';
import { PangeaError } from '../errors/errors.ts';
import { expectHeader, parseBytes } from './parsing.ts';

export interface KeyFileKind {
  /** Four letters. */
  readonly magic: string;
  readonly version: number;
  readonly payloadBytes: number;
}

const checksumBytes = 4;

/** The payload, or `undefined` when there is no such file. Throws `KEY_FILE_EXPOSED`, `KEY_FILE_INVALID`. */
export async function readKeyFile(path: string, kind: KeyFileKind): Promise<Uint8Array | undefined> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new PangeaError('KEY_FILE_INVALID', `cannot read ${path}: ${error.message}`, { cause: error, data: { path } });
  });
  if (file === undefined) return undefined;
  try {
    const { mode, size } = await file.stat();
    // Windows has no such bits: its access lists cannot be judged from here.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8);
      throw new PangeaError('KEY_FILE_EXPOSED', `${path} can be read by others (mode ${octal}): run "chmod 600 ${path}"`, { data: { path } });
    }
    const expected = 5 + kind.payloadBytes + checksumBytes;
    if (size !== expected) {
      throw new PangeaError('KEY_FILE_INVALID', `${path} has ${size} bytes instead of ${expected}`, { data: { path } });
    }
    return parseBytes('KEY_FILE_INVALID', path, await file.readFile(), (from) => {
      expectHeader(from, kind.magic, kind.version);
      const payload = from.bytes(kind.payloadBytes).slice();
      if (!equalBytes(from.bytes(checksumBytes), checksum(header(kind), payload))) throw new RangeError('its checksum does not fit');
      return payload;
    });
  } finally {
    await file.close();
  }
}

/**
 * Writes durably. Without `replace` an existing file is left alone and `KEY_FILE_EXISTS` thrown. A disk that does not
 * take it is `STORE_READ_ONLY` or `STORE_IO`.
 */
export async function writeKeyFile(path: string, kind: KeyFileKind, payload: Uint8Array, options: { replace: boolean }): Promise<void> {
  const bytes = new ByteWriter().bytes(header(kind)).bytes(payload).bytes(checksum(header(kind), payload)).finish();
  const directory = dirname(path);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const temporary = await writeTemporary(`${path}.${randomBytes(6).toString('hex')}.tmp`, bytes);
    try {
      // A link, unlike a rename, fails when the name is taken: two first starts cannot overwrite each other's key.
      if (options.replace) await rename(temporary, path);
      else await link(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
    await syncDirectory(directory);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new PangeaError('KEY_FILE_EXISTS', `${path} is there already and is never overwritten`, { data: { path } });
    const readOnly = code === 'EACCES' || code === 'EROFS' || code === 'EPERM';
    throw new PangeaError(readOnly ? 'STORE_READ_ONLY' : 'STORE_IO', `cannot write ${path}: ${message}`, { cause: error, data: { path } });
  }
}

async function writeTemporary(path: string, bytes: Uint8Array): Promise<string> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  return path;
}

function header(kind: KeyFileKind): Uint8Array {
  return new ByteWriter(8).bytes(utf8(kind.magic)).u8(kind.version).finish();
}

function checksum(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest().subarray(0, checksumBytes);
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

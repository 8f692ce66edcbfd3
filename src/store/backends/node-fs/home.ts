/** The store's directory: whose it is, and that only one process has it open. */
import { access, mkdir, open, readFile, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PangeaError } from '../../../errors/errors.ts';
import { ByteReader, ByteWriter, fromUtf8, systemRandom, utf8 } from '../../../std/std.ts';
import { crc32c } from './crc32c.ts';
import { disk, diskError } from './disk-error.ts';

export const markerFile = 'pangea-store';
const lockFile = 'lock';
const magic = utf8('PGST');
const version = 1;
const maxOwnerBytes = 256;
const sqliteBusy = 5;

export interface Home {
  readonly directory: string;
  /** Random id of the volume set. */
  readonly set: Uint8Array;
  unlock(): void;
}

export async function openHome(directory: string, create: boolean, owner: string): Promise<Home> {
  if (create) await disk('create', directory, () => makeDirectory(directory));
  else if (!(await isDirectory(directory))) {
    throw new PangeaError('STORE_MISSING', `${directory} is not there: is its disk mounted?`);
  }
  const marker = join(directory, markerFile);
  if (!(await exists(marker))) await refuseUnmarked(directory, create);
  const unlock = lock(directory);
  try {
    if (!(await exists(marker))) await writeDurably(directory, markerFile, encodeMarker(systemRandom.bytes(16), owner));
    const found = decodeMarker(await disk('read', marker, () => readFile(marker)));
    if (found.owner !== owner) {
      throw new PangeaError('STORE_FOREIGN', `${directory} belongs to ${found.owner}, not to ${owner}`);
    }
    return { directory, set: found.set, unlock };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Replaces a file so that after a power loss there is the old one or the new one. */
export async function writeDurably(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const path = join(directory, name);
  await disk('write', path, async () => {
    const draft = await open(`${path}.tmp`, 'w');
    try {
      await draft.writeFile(bytes);
      await draft.sync();
    } finally {
      await draft.close();
    }
    await rename(`${path}.tmp`, path);
  });
  await syncDirectory(directory);
}

/** Makes created, renamed and removed names durable. */
export async function syncDirectory(directory: string): Promise<void> {
  await disk('fsync', directory, async () => {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

export function encodeMarker(set: Uint8Array, owner: string): Uint8Array {
  const name = utf8(owner);
  if (name.length > maxOwnerBytes) throw new PangeaError('INTERNAL', "the owner's name is too long");
  const body = new ByteWriter().bytes(magic).u16(version).u16(0).bytes(set).u32(name.length).bytes(name).finish();
  return new ByteWriter().bytes(body).u32(crc32c(body)).finish();
}

export function decodeMarker(bytes: Uint8Array): { readonly set: Uint8Array; readonly owner: string } {
  try {
    const sum = new ByteReader(bytes.subarray(-4)).u32();
    const reader = new ByteReader(bytes.subarray(0, -4));
    if (crc32c(bytes.subarray(0, -4)) !== sum || Buffer.compare(reader.bytes(4), magic) !== 0) throw new RangeError('checksum');
    if (reader.u16() !== version || reader.u16() !== 0) {
      throw new PangeaError('STORE_FOREIGN', `the file ${markerFile} is of a newer version`);
    }
    const set = new Uint8Array(reader.bytes(16));
    const owner = fromUtf8(reader.bytes(reader.u32()));
    reader.end();
    return { set, owner };
  } catch (error) {
    if (error instanceof PangeaError) throw error;
    throw new PangeaError('STORE_CORRUPT', `the file ${markerFile} is damaged`, { cause: error });
  }
}

async function refuseUnmarked(directory: string, create: boolean): Promise<void> {
  if (!create) {
    throw new PangeaError('STORE_MISSING', `${directory} carries no ${markerFile} file: is its disk mounted?`);
  }
  // What a fresh file system, or a start that was cut off before the marker stood, leaves behind.
  const harmless = new Set(['lost+found', lockFile, `${lockFile}-journal`, `${markerFile}.tmp`]);
  const names = await disk('list', directory, () => readdir(directory));
  if (names.some((name) => !harmless.has(name))) {
    throw new PangeaError('STORE_FOREIGN', `${directory} is not empty and carries no ${markerFile} file`);
  }
}

/**
 * A lock of the kernel, which vanishes with its holder, even by kill −9. SQLite's exclusive transaction is the
 * only one that plain Node can take; the addon locks the same bytes of the same file.
 */
function lock(directory: string): () => void {
  const path = join(directory, lockFile);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    const held = database;
    return () => held.isOpen && held.close();
  } catch (error) {
    database?.close();
    const { errcode, message } = error as { errcode?: number; message: string };
    if (errcode === sqliteBusy) throw new PangeaError('STORE_LOCKED', `${directory} is open in another process`);
    throw diskError('lock', path, { code: sqliteDiskCodes[(errcode ?? 0) & 255], message });
  }
}

/** SQLITE_PERM, READONLY, FULL and CANTOPEN in the operating system's words. */
const sqliteDiskCodes: Readonly<Record<number, string>> = { 3: 'EACCES', 8: 'EROFS', 13: 'ENOSPC', 14: 'EROFS' };

/** Node's recursive mkdir answers ENOENT on a read-only disk; the plain one gives the real reason. */
async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true }).catch(() => mkdir(directory));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isDirectory(), () => false);
}

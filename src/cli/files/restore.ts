import { closeSync, futimesSync, openSync, writeSync } from 'node:fs';
import { chmod, lutimes, mkdir, open, rename, rm, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TreeEntry } from '../../control/control.ts';
import { PangeaError } from '../../errors/errors.ts';
import { localFailure } from './failure.ts';
import { partName, refuseExisting, syncDirectory, writeAll } from './save.ts';

/** Small files are written in one go: the event loop would cost more than the disk. */
const smallBytes = 64 * 1024;

/**
 * Builds the tree beside `path` and renames when it is complete, so that a failed command leaves nothing. Symlinks are made
 * last, after every file: nothing can be written through one. Set-uid, set-gid and sticky bits are dropped.
 */
export async function restoreTree(entries: AsyncIterable<TreeEntry>, path: string, overwrite: boolean, written: (bytes: number) => void): Promise<number> {
  if (!overwrite) await refuseExisting(path);
  const part = partName(path);
  let replaced: string | undefined;
  try {
    await mkdir(part, { mode: 0o700 });
    const count = await fill(part, entries, written);
    if (overwrite) {
      replaced = partName(path);
      await rename(path, replaced).catch(() => { replaced = undefined; });
    }
    await rename(part, path);
    await syncDirectory(dirname(path));
    return count;
  } catch (error) {
    if (replaced !== undefined) await rename(replaced, path).catch(() => undefined);
    throw localFailure(error, path);
  } finally {
    await rm(part, { recursive: true, force: true });
    if (replaced !== undefined) await rm(replaced, { recursive: true, force: true });
  }
}

async function fill(root: string, entries: AsyncIterable<TreeEntry>, written: (bytes: number) => void): Promise<number> {
  const directories = new Map<string, TreeEntry | undefined>([['', undefined]]);
  const links: TreeEntry[] = [];
  let count = 0;
  for await (const entry of entries) {
    count++;
    checkPath(entry.path);
    await makeParents(root, entry.path, directories);
    if (entry.type === 'symlink') {
      links.push(entry);
    } else if (entry.type === 'directory') {
      await makeParents(root, `${entry.path}/`, directories);
      directories.set(entry.path, entry);
    } else {
      await writeFile(join(root, entry.path), entry);
      written(entry.bytes);
    }
  }
  for (const link of links) {
    checkTarget(link);
    await symlink(link.target as string, join(root, link.path));
    await lutimes(join(root, link.path), seconds(link), seconds(link));
  }
  // Deepest first: a directory's time changes when something is made in it, and its mode may forbid that.
  for (const [path, entry] of [...directories].reverse()) {
    await chmod(join(root, path), entry === undefined ? 0o777 & ~process.umask() : entry.mode & 0o777);
    if (entry !== undefined) await utimes(join(root, path), seconds(entry), seconds(entry));
  }
  return count;
}

/** Parents come before their children, so that reversing the map gives the deepest first. */
async function makeParents(root: string, path: string, directories: Map<string, TreeEntry | undefined>): Promise<void> {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    const parent = path.slice(0, end);
    if (directories.has(parent)) continue;
    await mkdir(join(root, parent), { mode: 0o700 });
    directories.set(parent, undefined);
  }
}

async function writeFile(path: string, entry: TreeEntry): Promise<void> {
  const mode = entry.mode & 0o777;
  const content = entry.content ?? nothing;
  if (entry.bytes > smallBytes) {
    const handle = await open(path, 'wx', 0o600);
    try {
      await writeAll(handle, content, entry.bytes);
      await handle.utimes(seconds(entry), seconds(entry));
      await handle.chmod(mode);
    } finally {
      await handle.close();
    }
    return;
  }
  const file = openSync(path, 'wx', mode);
  try {
    let bytes = 0;
    for await (const chunk of content) {
      for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
      bytes += chunk.length;
    }
    if (bytes !== entry.bytes) throw new PangeaError('CORRUPT', `${JSON.stringify(entry.path)} has ${bytes} bytes where ${entry.bytes} were announced`);
    futimesSync(file, seconds(entry), seconds(entry));
  } finally {
    closeSync(file);
  }
  await chmod(path, mode);
}

const nothing: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };
const seconds = (entry: TreeEntry): number => entry.modifiedMs / 1000;

function checkPath(path: string): void {
  const unsafe = path.includes('\0') || path.includes('\\') || path.split('/').some((step) => step === '' || step === '.' || step === '..');
  if (unsafe) throw new PangeaError('UNSAFE_PATH', `${JSON.stringify(path)} is not a relative path inside the tree`);
}

/** `..` only in front, and no higher than the tree: behind a name it could climb out through another link. */
function checkTarget({ path, target = '' }: TreeEntry): void {
  const steps = target.split('/');
  const climbs = steps.findIndex((step) => step !== '..');
  const up = climbs < 0 ? steps.length : climbs;
  const unsafe = target === '' || target.startsWith('/') || target.includes('\0') || target.includes('\\')
    || steps.slice(up).includes('..') || up > path.split('/').length - 1;
  if (unsafe) throw new PangeaError('UNSAFE_PATH', `the symbolic link ${JSON.stringify(path)} points out of the tree`);
}

import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TreeEntry } from '../../control/control.ts';
import { PangeaError } from '../../errors/errors.ts';
import { localFailure } from './failure.ts';
import { readSource } from './read.ts';

/** Small files are read in one call: the event loop would cost more than the disk. */
const wholeReadBytes = 256 * 1024;
const maxDepth = 512;

/**
 * Everything below a directory, each folder's names in order, folders before their content. Holds one folder's names
 * per level, never the tree. `skipped` is told of sockets, pipes and devices, which cannot be kept.
 */
export async function* walkTree(root: string, skipped: (path: string) => void): AsyncGenerator<TreeEntry> {
  yield* walk(root, '', 0, skipped);
}

async function* walk(root: string, folder: string, depth: number, skipped: (path: string) => void): AsyncGenerator<TreeEntry> {
  if (depth > maxDepth) throw new PangeaError('UNSAFE_PATH', `${JSON.stringify(folder)} is nested deeper than ${maxDepth} levels`);
  for (const name of namesOf(join(root, folder))) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const entry = inspect(root, path);
    if (entry === undefined) {
      skipped(path);
      continue;
    }
    yield entry;
    if (entry.type === 'directory') yield* walk(root, path, depth + 1, skipped);
  }
}

function namesOf(folder: string): string[] {
  try {
    const names = readdirSync(folder, { encoding: 'buffer' });
    return names.sort(Buffer.compare).map((name) => {
      const text = name.toString('utf8');
      if (Buffer.from(text).equals(name)) return text;
      throw new PangeaError('UNSAFE_PATH', `a name in ${JSON.stringify(folder)} is not UTF-8: ${JSON.stringify(text)}`);
    });
  } catch (error) {
    throw localFailure(error, folder);
  }
}

function inspect(root: string, path: string): TreeEntry | undefined {
  const full = join(root, path);
  try {
    const found = lstatSync(full);
    const facts = { path, mode: found.mode & 0o7777, modifiedMs: found.mtimeMs };
    if (found.isDirectory()) return { ...facts, type: 'directory', bytes: 0 };
    if (found.isSymbolicLink()) return { ...facts, type: 'symlink', bytes: 0, target: readlinkSync(full) };
    if (!found.isFile()) return undefined;
    return { ...facts, type: 'file', bytes: found.size, content: found.size <= wholeReadBytes ? readWhole(full) : readSource(full) };
  } catch (error) {
    throw localFailure(error, full);
  }
}

async function* readWhole(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield readFileSync(path);
  } catch (error) {
    throw localFailure(error, path);
  }
}

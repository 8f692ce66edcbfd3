/** Entries of trees, as the schema has them and as the node has them. */
import { PangeaError } from '../../errors/errors.ts';
import type { EntryFacts } from '../bridge/tree.ts';
import { EntryType, type TreeEntry } from '../schema/pangea.ts';
import { boundedText, neededText, wholeNumber } from './read.ts';
import { whole } from './write.ts';

const types = { [EntryType.FILE]: 'file', [EntryType.DIRECTORY]: 'directory', [EntryType.SYMLINK]: 'symlink' } as const;

export function readEntry(entry: TreeEntry): EntryFacts {
  const type = types[entry.type];
  if (type === undefined) throw new PangeaError('USAGE', `${String(entry.type)} is no type of an entry`);
  const target = boundedText('the target of a symlink', entry.target);
  return {
    path: neededText('the path of an entry', entry.path), type, mode: entry.mode,
    modifiedMs: Number(entry.modifiedMs), bytes: wholeNumber('the size of an entry', entry.bytes),
    ...(type === 'symlink' ? { target } : {}),
  };
}

export function writeEntry(to: TreeEntry, { path, type, mode, modifiedMs, bytes, target }: EntryFacts): void {
  to.path = path;
  to.type = type === 'file' ? EntryType.FILE : type === 'directory' ? EntryType.DIRECTORY : EntryType.SYMLINK;
  to.mode = mode;
  to.modifiedMs = BigInt(Math.trunc(modifiedMs));
  to.bytes = whole(bytes);
  if (target !== undefined) to.target = target;
}

/**
 * A directory is one object whose plaintext is a sorted list of entries (`schema/directory.md`).
 * Small files lie together in packs, so a tree of thousands costs a few objects; a large file is an object of its own.
 */
import { PangeaError } from '../../errors/errors.ts';
import { ByteReader, ByteWriter, concatBytes, equalBytes, fromUtf8, utf8 } from '../../std/std.ts';

/** Files below this size are packed together. */
export const packedFileBytes = 64 * 1024;
export const directoryMediaType = 'application/x-pangea-directory';

export const directoryLimits = {
  entries: 4_000_000,
  members: 1_000_000,
  pathBytes: 4096,
  /** Of the encoded list; it is read whole. */
  listBytes: 256 * 1024 * 1024,
} as const;

/** An object that carries content of the tree: a pack, or one large file. */
export interface DirectoryMember {
  readonly root: Uint8Array;
  readonly key: Uint8Array;
}

export interface DirectoryEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly modifiedMs: number;
  readonly bytes: number;
  /** Files only: which member holds the content, and from where. Absent for an empty file. */
  readonly place?: { readonly member: number; readonly offset: number };
  /** Symlinks only. */
  readonly target?: string;
}

export interface Directory {
  readonly members: readonly DirectoryMember[];
  /** Sorted by the bytes of the path, no path twice. */
  readonly entries: readonly DirectoryEntry[];
}

const magic = utf8('PGDR');
const version = 1;
const typeNumbers = { file: 0, directory: 1, symlink: 2 } as const;
const typeNames = ['file', 'directory', 'symlink'] as const;
const noMember = 0xffffffff;

export function encodeDirectory(directory: Directory): Uint8Array {
  const head = new ByteWriter().bytes(magic).u16(version).u16(0).u32(directory.members.length).u32(directory.entries.length);
  for (const member of directory.members) head.bytes(member.root).bytes(member.key);
  const parts: Uint8Array[] = [head.finish()];
  for (const entry of directory.entries) {
    const path = utf8(entry.path);
    const target = utf8(entry.target ?? '');
    parts.push(
      new ByteWriter(64 + path.length + target.length)
        .u8(typeNumbers[entry.type]).u16(entry.mode & 0o7777).f64(entry.modifiedMs).u64(entry.bytes)
        .u32(entry.place?.member ?? noMember).u64(entry.place?.offset ?? 0)
        .u16(path.length).u16(target.length).bytes(path).bytes(target).finish(),
    );
  }
  return concatBytes(...parts);
}

/** Throws `DIRECTORY_INVALID` on anything malformed and `UNSAFE_PATH` on a path that would leave the tree. */
export function parseDirectory(bytes: Uint8Array): Directory {
  const reader = new ByteReader(bytes);
  try {
    if (!equalBytes(reader.bytes(4), magic)) throw new RangeError('not a directory list');
    const found = reader.u16();
    if (found !== version) throw new RangeError(`version ${found} is not known here`);
    if (reader.u16() !== 0) throw new RangeError('it has flags that are not known here');
    const memberCount = reader.u32();
    const entryCount = reader.u32();
    if (memberCount > directoryLimits.members || memberCount * 64 > reader.remaining) throw new RangeError('too many members');
    if (entryCount > directoryLimits.entries || entryCount * 36 > reader.remaining) throw new RangeError('too many entries');
    const members = Array.from({ length: memberCount }, () => ({ root: reader.bytes(32).slice(), key: reader.bytes(32).slice() }));
    const entries: DirectoryEntry[] = [];
    for (let index = 0; index < entryCount; index++) entries.push(parseEntry(reader, memberCount));
    reader.end();
    checkTree(entries);
    return { members, entries };
  } catch (error) {
    if (error instanceof PangeaError) throw error;
    throw new PangeaError('DIRECTORY_INVALID', `the directory list is damaged: ${(error as Error).message}`, { cause: error });
  }
}

function parseEntry(reader: ByteReader, memberCount: number): DirectoryEntry {
  const type = typeNames[reader.u8()];
  if (type === undefined) throw new RangeError('an entry of unknown type');
  const mode = reader.u16();
  const modifiedMs = reader.f64();
  const bytes = reader.u64();
  const member = reader.u32();
  const offset = reader.u64();
  const pathLength = reader.u16();
  const targetLength = reader.u16();
  if (pathLength > directoryLimits.pathBytes || targetLength > directoryLimits.pathBytes) throw new RangeError('a path that is too long');
  const path = fromUtf8(reader.bytes(pathLength));
  const target = fromUtf8(reader.bytes(targetLength));
  if (member !== noMember && member >= memberCount) throw new RangeError('an entry that points at no member');
  if (type === 'file' && bytes > 0 && member === noMember) throw new RangeError('a file without content');
  if (type !== 'file' && (bytes !== 0 || member !== noMember)) throw new RangeError('content where none belongs');
  return {
    path, type, mode: mode & 0o7777, modifiedMs: Number.isFinite(modifiedMs) ? modifiedMs : 0, bytes,
    ...(member === noMember ? {} : { place: { member, offset } }),
    ...(type === 'symlink' ? { target } : {}),
  };
}

/** The rules that hold for every tree, when it is written and when it is read. */
export function checkTree(entries: readonly DirectoryEntry[]): void {
  const links = new Set<string>();
  let before: Uint8Array | undefined;
  for (const entry of entries) {
    checkPath(entry.path);
    const path = utf8(entry.path);
    if (before && Buffer.compare(before, path) >= 0) {
      throw new PangeaError('DIRECTORY_INVALID', `the directory list is not sorted, or has ${JSON.stringify(entry.path)} twice`);
    }
    before = path;
    if (entry.type === 'symlink') {
      checkTarget(entry.path, entry.target ?? '');
      links.add(entry.path);
    }
  }
  if (links.size === 0) return;
  for (const entry of entries) {
    const steps = entry.path.split('/');
    for (let depth = 1; depth < steps.length; depth++) {
      if (links.has(steps.slice(0, depth).join('/'))) {
        throw new PangeaError('UNSAFE_PATH', `${JSON.stringify(entry.path)} lies behind a symbolic link`);
      }
    }
  }
}

/** A relative path with `/` between plain names: no `..`, `.`, empty step, NUL or backslash. */
export function checkPath(path: string): void {
  const bad = path.length === 0 || path.includes('\0') || path.includes('\\')
    || utf8(path).length > directoryLimits.pathBytes
    || path.split('/').some((step) => step === '' || step === '.' || step === '..');
  if (bad) throw new PangeaError('UNSAFE_PATH', `${JSON.stringify(path)} is not a relative path inside the tree`);
}

/**
 * `..` may only stand in front: behind a name it could climb out through another link, however harmless
 * the text looks.
 */
function checkTarget(path: string, target: string): void {
  const steps = target.split('/');
  const climbs = steps.findIndex((step) => step !== '..');
  const names = climbs < 0 ? [] : steps.slice(climbs);
  const unsafe = target === '' || target.startsWith('/') || target.includes('\0') || target.includes('\\')
    || names.includes('..') || steps.length - names.length > path.split('/').length - 1;
  if (unsafe) throw new PangeaError('UNSAFE_PATH', `the symbolic link ${JSON.stringify(path)} points out of the tree`);
}

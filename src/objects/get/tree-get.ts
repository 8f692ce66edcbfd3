/** A directory object back to its tree, or to one path of it. */
import type { TreeEntry } from '../types.ts';
import { PangeaError } from '../../errors/errors.ts';
import { concatBytes } from '../../std/std.ts';
import { directoryLimits, parseDirectory, type Directory, type DirectoryEntry } from '../format/directory.ts';

export interface OpenedObject {
  readonly manifest: { readonly name: string; readonly kind: 'file' | 'directory' | 'pack'; readonly plaintextBytes: number };
  /** Verified plaintext; ending the iteration early stops the transfer. */
  read(offset: number, length: number): AsyncIterable<Uint8Array>;
}

export type OpenObject = (root: Uint8Array, key: Uint8Array, options: { signal?: AbortSignal }) => Promise<OpenedObject>;

/** A reader keeps going forward over a gap of this size rather than to open a new range. */
const maxSkipBytes = 1024 * 1024;

/** The list of a directory object that is already open. */
export async function readDirectory(object: OpenedObject): Promise<Directory> {
  const bytes = object.manifest.plaintextBytes;
  if (bytes > directoryLimits.listBytes) {
    throw new PangeaError('TOO_LARGE', `the directory list has ${bytes} bytes, more than the ${directoryLimits.listBytes} read at once`);
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of object.read(0, bytes)) parts.push(chunk.slice());
  return parseDirectory(concatBytes(...parts));
}

/** Entries of the whole tree, or of `path` and what lies below it. Each file's content is to be read before the next entry. */
export async function* treeEntries(
  directory: Directory,
  openObject: OpenObject,
  options: { path?: string; signal?: AbortSignal },
): AsyncGenerator<TreeEntry> {
  const wanted = selectEntries(directory, options.path);
  const readers = new Map<number, MemberReader>();
  const passed = options.signal ? { signal: options.signal } : {};
  try {
    for (const entry of wanted) {
      const { place, ...facts } = entry;
      if (entry.type !== 'file') {
        yield facts;
        continue;
      }
      if (!place) {
        yield { ...facts, content: nothing() };
        continue;
      }
      let reader = readers.get(place.member);
      if (!reader) {
        const member = directory.members[place.member];
        if (!member) throw new PangeaError('DIRECTORY_INVALID', `${JSON.stringify(entry.path)} points at no member`);
        reader = new MemberReader(await openObject(member.root, member.key, passed));
        readers.set(place.member, reader);
      }
      yield { ...facts, content: reader.range(place.offset, entry.bytes) };
      if (place.offset + entry.bytes >= reader.totalBytes) {
        await reader.close();
        readers.delete(place.member);
      }
    }
  } finally {
    for (const reader of readers.values()) await reader.close();
  }
}

function selectEntries(directory: Directory, path: string | undefined): readonly DirectoryEntry[] {
  if (path === undefined) return directory.entries;
  const clean = path.replace(/\/+$/, '');
  const found = directory.entries.filter((entry) => entry.path === clean || entry.path.startsWith(`${clean}/`));
  if (found.length === 0) throw new PangeaError('NOT_FOUND', `the directory has no ${JSON.stringify(path)}`);
  return found;
}

/** Reads ranges of one member mostly front to back over a single transfer, because packs are written in the order they are read. */
class MemberReader {
  readonly totalBytes: number;
  readonly #object: OpenedObject;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #held: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(object: OpenedObject) {
    this.#object = object;
    this.totalBytes = object.manifest.plaintextBytes;
  }

  async *range(offset: number, length: number): AsyncGenerator<Uint8Array> {
    await this.#seek(offset);
    let left = length;
    while (left > 0) {
      const chunk = await this.#take(left);
      left -= chunk.length;
      yield chunk;
    }
  }

  async close(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    this.#held = new Uint8Array(0);
    await iterator?.return?.();
  }

  async #seek(offset: number): Promise<void> {
    if (!this.#iterator || offset < this.#at || offset - this.#at > maxSkipBytes) {
      await this.close();
      this.#iterator = this.#object.read(offset, this.totalBytes - offset)[Symbol.asyncIterator]();
      this.#at = offset;
    }
    while (this.#at < offset) await this.#take(offset - this.#at);
  }

  async #take(most: number): Promise<Uint8Array> {
    while (this.#held.length === 0) {
      const next = await this.#iterator?.next();
      if (!next || next.done) {
        throw new PangeaError('DIRECTORY_INVALID', 'an object of the tree is shorter than the directory list says');
      }
      this.#held = next.value;
    }
    const chunk = this.#held.subarray(0, most);
    this.#held = this.#held.subarray(chunk.length);
    this.#at += chunk.length;
    return chunk;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

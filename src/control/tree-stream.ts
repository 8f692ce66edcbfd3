import type { TreeEntry } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import { ByteSource } from './byte-source.ts';
import { checkShape, finite, oneOf, text, whole } from './fields.ts';

/** Longest JSON header of an entry: two paths of 4,096 characters, each at worst six bytes escaped, and the rest. */
export const maxHeaderBytes = 64 * 1024;
/** Small files are sent together; a chunk of at least this size goes out by itself, without a copy. */
const blockBytes = 256 * 1024;
const directChunkBytes = 32 * 1024;

/** Times as JavaScript's Date has them. */
const mostMs = 8.64e15;
const entryShape = {
  required: {
    path: text(1, 4096), type: oneOf('file', 'directory', 'symlink'), mode: whole(0, 0o7777), modifiedMs: finite(-mostMs, mostMs), bytes: whole(0),
  },
  optional: { target: text(1, 4096) },
};

/**
 * A tree as one stream: for each entry the length of its JSON header (u32, little-endian), the header, and for a file
 * exactly `bytes` bytes of content; at the end a zero length. A chunk is valid until the next is asked for.
 * Throws `DIRECTORY_INVALID` when a file's content has another length than its entry said (it changed while being read).
 */
export async function* encodeTree(entries: AsyncIterable<TreeEntry>): AsyncGenerator<Uint8Array> {
  const block = Buffer.allocUnsafe(blockBytes);
  let held = 0;
  for await (const { content, ...entry } of entries) {
    const json = Buffer.from(JSON.stringify(entry));
    if (json.length > maxHeaderBytes) throw new PangeaError('DIRECTORY_INVALID', `the entry ${entry.path.slice(0, 80)}… is too long`);
    if (held + 4 + json.length > blockBytes) {
      yield block.subarray(0, held);
      held = 0;
    }
    held = block.writeUInt32LE(json.length, held);
    held += json.copy(block, held);
    if (entry.type !== 'file') continue;
    let left = entry.bytes;
    for await (const chunk of content ?? noContent) {
      left -= chunk.length;
      if (left < 0) throw changed(entry.path);
      if (held > 0 && held + chunk.length > blockBytes) {
        yield block.subarray(0, held);
        held = 0;
      }
      if (chunk.length >= directChunkBytes) {
        if (held > 0) yield block.subarray(0, held);
        held = 0;
        yield chunk;
      } else {
        block.set(chunk, held);
        held += chunk.length;
      }
    }
    if (left > 0) throw changed(entry.path);
  }
  if (held > 0) yield block.subarray(0, held);
  yield new Uint8Array(4);
}

const noContent: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };

function changed(path: string): PangeaError {
  return new PangeaError('DIRECTORY_INVALID', `${path} changed its size while it was read: try again when nothing writes to it`);
}

/** What `encodeTree` made. An entry's content must be read, or is skipped, before the next. Throws `PROTOCOL` on anything else. */
export async function* decodeTree(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TreeEntry> {
  const source = new ByteSource(chunks);
  try {
    for (;;) {
      const length = Buffer.from(await source.take(4)).readUInt32LE(0);
      if (length === 0) break;
      if (length > maxHeaderBytes) throw new PangeaError('PROTOCOL', `a tree entry announces a header of ${length} bytes`);
      const entry = parseEntry(await source.take(length));
      if (entry.type !== 'file') {
        yield entry;
        continue;
      }
      const content = source.range(entry.bytes);
      yield { ...entry, content };
      for await (const skipped of content) void skipped;
    }
    if (!(await source.atEnd())) throw new PangeaError('PROTOCOL', 'bytes follow the end of a tree');
  } finally {
    await source.close();
  }
}

function parseEntry(header: Uint8Array): TreeEntry {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header));
  } catch (error) {
    throw new PangeaError('PROTOCOL', 'the header of a tree entry is not JSON', { cause: error });
  }
  const checked = checkShape(raw, entryShape);
  if ('value' in checked) return checked.value;
  throw new PangeaError('PROTOCOL', `the header of a tree entry does not fit: ${checked.misfit.slice(0, 80)}`);
}

/** A tree of files to one directory object: small files packed, large ones as objects of their own. */
import type { AckLevel, PutCompression, PutOptions, PutResult, TreeEntry } from '../types.ts';
import { mapConcurrent, toHex } from '../../std/std.ts';
import { checkPath, directoryMediaType, encodeDirectory, packedFileBytes, type DirectoryEntry, type DirectoryMember } from '../format/directory.ts';
import { summedCompression } from './compression.ts';
import type { UsedDictionary } from './dictionary.ts';

/** One stored object, before it has a name in the catalogue. */
export interface StoredObject {
  readonly root: Uint8Array;
  readonly key: Uint8Array;
  readonly plaintextBytes: number;
  readonly storedBytes: number;
  readonly survivesFailures: number;
  readonly ack: PutResult['ack'];
  readonly compression: PutCompression;
}

export interface PutObjectOptions {
  readonly name: string;
  readonly mediaType: string;
  readonly kind: 'file' | 'directory' | 'pack';
  readonly ack?: AckLevel;
  readonly expectedBytes?: number;
  readonly dictionary?: UsedDictionary;
  readonly signal?: AbortSignal;
}

export type PutObject = (content: AsyncIterable<Uint8Array>, options: PutObjectOptions) => Promise<StoredObject>;

export interface StoredTree extends StoredObject {
  /** Plaintext bytes of all files. */
  readonly contentBytes: number;
  /** Roots of packs and large files, in hex. */
  readonly children: readonly string[];
}

/** A pack is closed at this size, so that losing patience in the middle costs little and a repair stays small. */
const maxPackBytes = 1024 * 1024 * 1024;
const discardsAtOnce = 4;

/**
 * `discard` is given what was stored of a tree that then failed, since no list and no catalogue names it: without it the
 * space would be lost for good. The failure does not wait for it.
 */
export async function putTree(
  putObject: PutObject, discard: (stored: StoredObject) => Promise<unknown>, entries: AsyncIterable<TreeEntry>, options: PutOptions,
): Promise<StoredTree> {
  const passed = { ...(options.ack ? { ack: options.ack } : {}), ...(options.signal ? { signal: options.signal } : {}) };
  const pending: Promise<StoredObject>[] = [];
  const listed: DirectoryEntry[] = [];
  let pack: Pack | undefined;
  let contentBytes = 0;

  const begin = (content: AsyncIterable<Uint8Array>, name: string, kind: 'file' | 'pack'): number => {
    const put = putObject(content, { name, kind, mediaType: 'application/octet-stream', ...passed });
    put.catch(() => undefined);
    return pending.push(put) - 1;
  };

  try {
    for await (const entry of entries) {
      options.signal?.throwIfAborted();
      checkPath(entry.path);
      const { content, bytes: _, target, ...facts } = entry;
      if (entry.type !== 'file' || content === undefined || entry.bytes === 0) {
        listed.push({ ...facts, bytes: 0, ...(entry.type === 'symlink' ? { target: target ?? '' } : {}) });
        continue;
      }
      let bytes: number;
      if (entry.bytes < packedFileBytes) {
        if (pack && pack.bytes >= maxPackBytes) {
          pack.stream.end();
          pack = undefined;
        }
        if (!pack) {
          const stream = new PushStream();
          pack = { stream, bytes: 0, member: begin(stream, `${options.name} (pack)`, 'pack') };
        }
        const offset = pack.bytes;
        bytes = await fill(pack, content, pending[pack.member] as Promise<StoredObject>);
        listed.push({ ...facts, bytes, ...(bytes > 0 ? { place: { member: pack.member, offset } } : {}) });
      } else {
        const member = begin(content, entry.path, 'file');
        bytes = (await (pending[member] as Promise<StoredObject>)).plaintextBytes;
        listed.push({ ...facts, bytes, ...(bytes > 0 ? { place: { member, offset: 0 } } : {}) });
      }
      contentBytes += bytes;
    }
    pack?.stream.end();
    const stored = await Promise.all(pending);
    const members: DirectoryMember[] = stored.map(({ root, key }) => ({ root, key }));
    listed.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
    const list = await putObject(once(encodeDirectory({ members, entries: listed })), {
      name: options.name, kind: 'directory', mediaType: directoryMediaType, ...passed,
    });
    return {
      ...list,
      contentBytes,
      children: stored.map(({ root }) => toHex(root)),
      storedBytes: list.storedBytes + stored.reduce((sum, each) => sum + each.storedBytes, 0),
      survivesFailures: stored.reduce((least, each) => Math.min(least, each.survivesFailures), list.survivesFailures),
      ack: weakest([list, ...stored].map((each) => each.ack)),
      compression: summedCompression([list, ...stored].map((each) => each.compression)),
    };
  } catch (error) {
    pack?.stream.fail(error);
    const members = (await Promise.allSettled(pending)).flatMap((put) => (put.status === 'fulfilled' ? [put.value] : []));
    void mapConcurrent(members, discardsAtOnce, (member) => discard(member).catch(() => undefined));
    throw error;
  }
}

interface Pack {
  readonly stream: PushStream;
  readonly member: number;
  bytes: number;
}

/** Feeds a file into the pack; a failure of the pack's own put ends the wait at once. */
async function fill(pack: Pack, content: AsyncIterable<Uint8Array>, put: Promise<unknown>): Promise<number> {
  let bytes = 0;
  const failed = put.then(() => undefined);
  // It may fail before the first chunk is there, when nothing waits for it yet.
  failed.catch(() => undefined);
  for await (const chunk of content) {
    bytes += chunk.length;
    // The source may reuse its chunk as soon as the next is asked for, and the pack holds on to it until a stripe is full.
    await Promise.race([pack.stream.push(new Uint8Array(chunk)), failed]);
  }
  pack.bytes += bytes;
  return bytes;
}

function weakest(acks: readonly PutResult['ack'][]): PutResult['ack'] {
  return acks.reduce((a, b) => (b.fsynced < a.fsynced ? b : a));
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** Turns pushes into an async iterable; a push resolves when its chunk was taken. One chunk is held at most. */
class PushStream implements AsyncIterable<Uint8Array> {
  #held: { chunk: Uint8Array; taken: () => void } | undefined;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(chunk: Uint8Array): Promise<void> {
    return new Promise((taken) => {
      this.#held = { chunk, taken };
      this.#wake?.();
    });
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      const held = this.#held;
      if (held) {
        this.#held = undefined;
        held.taken();
        yield held.chunk;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }
}

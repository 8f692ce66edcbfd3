import { stat } from 'node:fs/promises';
import type { TreeEntry } from '../../control/control.ts';
import { localFailure } from './failure.ts';
import { readSource } from './read.ts';
import { walkTree } from './walk.ts';

/** A node learns from the beginning of a file only, so only that is sent. */
const sampleBytes = 128 * 1024;

/** The beginnings of files, and of all files below directories, numbered instead of named: names would tell more than the node needs. */
export async function* readSamples(paths: readonly string[]): AsyncGenerator<TreeEntry> {
  let count = 0;
  for (const path of paths) {
    for await (const { bytes, content } of filesAt(path)) {
      const sent = Math.min(bytes, sampleBytes);
      yield { path: `${count++}`, type: 'file', mode: 0o600, modifiedMs: 0, bytes: sent, content: beginning(content, sent) };
    }
  }
}

interface File {
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

async function* filesAt(path: string): AsyncGenerator<File> {
  const found = await stat(path).catch((error: unknown) => {
    throw localFailure(error, path);
  });
  if (!found.isDirectory()) {
    if (found.isFile() && found.size > 0) return yield { bytes: found.size, content: readSource(path) };
    // Pipes have no length, and files of /proc none that is true.
    const parts: Uint8Array[] = [];
    for await (const part of beginning(readSource(path), sampleBytes)) parts.push(part);
    return yield { bytes: parts.reduce((sum, part) => sum + part.length, 0), content: pieces(parts) };
  }
  for await (const { bytes, content } of walkTree(path, () => undefined)) if (content) yield { bytes, content };
}

async function* beginning(content: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  if (left === 0) return;
  for await (const chunk of content) {
    yield chunk.subarray(0, left);
    left -= Math.min(left, chunk.length);
    if (left === 0) return;
  }
}

async function* pieces(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

/** Dictionary objects, fetched once and kept: what `get` needs before the objects that name them, and `put` to use one. */
import { maxDictionaryBytes } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import { digestOf } from '../../ids/ids.ts';
import { concatBytes, toHex } from '../../std/std.ts';
import type { Manifest } from '../format/manifest.ts';

export const dictionaryMediaType = 'application/x-zstd-dictionary';

/** With `maxDictionaryBytes` each, what a node keeps at most. */
const maxKept = 8;

interface OpenedDictionary {
  readonly manifest: Manifest;
  read(offset: number, length: number): AsyncIterable<Uint8Array>;
}

export class Dictionaries {
  readonly #open: (root: Uint8Array, key: Uint8Array) => Promise<OpenedDictionary>;
  /** By root and key, so that nobody who knows a root alone profits from what others fetched. The latest used is last. */
  readonly #kept = new Map<string, Promise<Uint8Array>>();

  constructor(open: (root: Uint8Array, key: Uint8Array) => Promise<OpenedDictionary>) {
    this.#open = open;
  }

  /** Throws `DICTIONARY_INVALID` where the object cannot be one, and what reading an object throws. */
  load(root: Uint8Array, key: Uint8Array): Promise<Uint8Array> {
    const name = toHex(concatBytes(root, key));
    const bytes = this.#kept.get(name) ?? this.#fetch(root, key);
    this.#kept.delete(name);
    this.#kept.set(name, bytes);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
    bytes.catch(() => {
      if (this.#kept.get(name) === bytes) this.#kept.delete(name);
    });
    return bytes;
  }

  async #fetch(root: Uint8Array, key: Uint8Array): Promise<Uint8Array> {
    const { manifest, read } = await this.#open(root, key);
    const refusal = manifest.kind !== 'file' ? `it is a ${manifest.kind}`
      // Otherwise a chain of them could be as long as its maker likes.
      : manifest.dictionary ? 'it needs another dictionary itself'
      : manifest.plaintextBytes > maxDictionaryBytes ? `it has ${manifest.plaintextBytes} bytes, and a dictionary at most ${maxDictionaryBytes}`
      : undefined;
    if (refusal !== undefined) {
      throw new PangeaError('DICTIONARY_INVALID', `this object is no dictionary: ${refusal}`, { data: { root: digestOf(root) } });
    }
    const parts: Uint8Array[] = [];
    for await (const chunk of read(0, manifest.plaintextBytes)) parts.push(new Uint8Array(chunk));
    return concatBytes(...parts);
  }
}

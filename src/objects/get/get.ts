/** Root and key to plaintext: opening, then a stream that never gives a byte that was not authenticated. */
import type { Codec } from '../../codec/codec.ts';
import { PangeaError } from '../../errors/errors.ts';
import { digestOf } from '../../ids/ids.ts';
import type { ByteCount } from '../byte-count.ts';
import type { Dictionaries } from './dictionaries.ts';
import type { GatherDependencies } from './gather.ts';
import { checkCommitment, deriveObjectKeys, deriverOf, manifestContext, type ObjectKeys } from '../format/keys.ts';
import { findObject, type FoundObject } from './lookup.ts';
import { parseManifest, type Manifest } from '../format/manifest.ts';
import { readRange } from './read.ts';
import { fits } from '../format/segments.ts';
import { wholeObjectBytes } from '../format/shape.ts';
import { Sources, type SourcesDependencies } from './sources.ts';
import type { OpenedObject } from './tree-get.ts';

export interface GetDependencies extends SourcesDependencies, GatherDependencies {
  readonly codec: Codec;
  /** Shards and plaintext that reads hold at this moment. */
  readonly inFlight: ByteCount;
  readonly getWindowStripes: number;
  readonly dictionaries: Dictionaries;
}

export interface ReadableObject extends OpenedObject {
  readonly manifest: Manifest;
  readonly found: FoundObject;
  readonly sources: Sources;
}

/** Throws `NOT_FOUND`, `WRONG_KEY`, `MANIFEST_INVALID`, `CORRUPT`. */
export async function openObject(
  dependencies: GetDependencies, root: Uint8Array, key: Uint8Array, options: { signal?: AbortSignal } = {},
): Promise<ReadableObject> {
  const found = await findObject(dependencies, root, options.signal);
  const { keys, manifest } = unsealManifest(dependencies.codec, found, key);
  const sources = new Sources(dependencies, found);
  return {
    manifest,
    found,
    sources,
    read: (offset, length) => {
      if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 || offset + length > manifest.plaintextBytes) {
        throw new PangeaError('USAGE', `bytes ${offset} to ${offset + length} were asked for; the object has ${manifest.plaintextBytes}`);
      }
      return readRange(dependencies, { found, manifest, sources, dataKey: keys.dataKey }, offset, length, options.signal);
    },
  };
}

export function unsealManifest(codec: Codec, found: FoundObject, key: Uint8Array): { keys: ObjectKeys; manifest: Manifest } {
  const { header } = found.view;
  const keys = deriveObjectKeys(deriverOf(codec), key);
  checkCommitment(keys, header.keyCommitment);
  const manifest = parseManifest(codec.open(keys.manifestKey, found.sealedManifest, manifestContext(header.salt)));
  const geometry = { segmentBytes: header.segmentBytes, stripes: header.stripes, plaintextBytes: manifest.plaintextBytes };
  const fitting = manifest.segmentBytes === header.segmentBytes
    && (header.mode === 'whole' ? manifest.plaintextBytes <= wholeObjectBytes : fits(geometry));
  if (!fitting) {
    throw new PangeaError('MANIFEST_INVALID', 'the sizes of the manifest do not fit the layout', { data: { root: digestOf(found.view.root) } });
  }
  return { keys, manifest };
}

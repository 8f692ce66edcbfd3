/** A range of one object as a stream: a window of stripes is fetched ahead, segments come out in order. */
import { emptyBody, type Body } from '../../body/body.ts';
import type { Dictionary } from '../../codec/codec.ts';
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import { digestOf } from '../../ids/ids.ts';
import { alignedBytes } from '../../std/std.ts';
import { dropWrongRows, gather, GatheredRows, HedgeBudget, type GatherRequest } from './gather.ts';
import type { GetDependencies } from './get.ts';
import { storedBytesOf } from '../format/layout-view.ts';
import { ensurePage, type FoundObject } from './lookup.ts';
import type { Manifest } from '../format/manifest.ts';
import { piecesOf, type StripePiece } from '../format/segments.ts';
import { dataRows, rows, stripesPerPage } from '../format/shape.ts';
import type { Sources } from './sources.ts';

export interface Readable {
  readonly found: FoundObject;
  readonly manifest: Manifest;
  readonly sources: Sources;
  readonly dataKey: Uint8Array;
}

interface Opened {
  readonly parts: readonly { readonly body: Body; readonly from: number; readonly to: number }[];
  readonly bytes: number;
}

const maxChunkBytes = 1024 * 1024;

/** Chunks of at most one segment in a buffer that is used again and again: each is valid until the next is asked for. Throws `NOT_ENOUGH_SHARDS`, `CORRUPT`, `ABORTED`; ending the iteration stops all transfers. */
export async function* readRange(
  dependencies: GetDependencies, readable: Readable, offset: number, length: number, signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (length === 0) return;
  const ended = new AbortController();
  const either = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
  const { dictionary: named } = readable.manifest;
  const dictionary = named && (await dependencies.dictionaries.load(named.root, named.key));
  const reader = new RangeReader(dependencies, readable, dictionary, either);
  const ahead: Promise<Opened>[] = [];
  const pieces = planOf(readable, offset, length)[Symbol.iterator]();
  const fill = (): void => {
    while (ahead.length < dependencies.getWindowStripes) {
      const next = pieces.next();
      if (next.done) return;
      const opened = reader.open(next.value);
      opened.catch(() => undefined);
      ahead.push(opened);
    }
  };
  // Of a long read whoever gets it may write it straight to disk.
  const chunk = length < maxChunkBytes ? new Uint8Array(length) : alignedBytes(maxChunkBytes);
  try {
    for (fill(); ahead.length > 0; fill()) {
      const opened = await (ahead[0] as Promise<Opened>);
      try {
        for (const { body, from, to } of opened.parts) {
          for (let at = from; at < to; at += chunk.length) {
            const piece = body.slice(at, Math.min(at + chunk.length, to));
            piece.copyTo(chunk, 0);
            piece.release();
            yield chunk.subarray(0, piece.byteLength);
          }
          body.release();
        }
      } finally {
        ahead.shift();
        reader.close(opened);
      }
    }
  } finally {
    ended.abort(new PangeaError('ABORTED', 'the read has ended'));
    for (const left of ahead) left.then((opened) => reader.close(opened), () => undefined);
  }
}

/** A whole block is one piece, whatever the range. */
function planOf({ found, manifest }: Readable, offset: number, length: number): Iterable<StripePiece> {
  const { header } = found.view;
  if (header.mode === 'whole') {
    return [{ stripe: 0, segmentsInStripe: dataRows, pieces: [{ segment: 0, plaintextBytes: manifest.plaintextBytes, from: offset, to: offset + length }] }];
  }
  return piecesOf({ segmentBytes: header.segmentBytes, stripes: header.stripes, plaintextBytes: manifest.plaintextBytes }, offset, length);
}

class RangeReader {
  readonly #dependencies: GetDependencies;
  readonly #readable: Readable;
  readonly #dictionary: Dictionary | undefined;
  readonly #signal: AbortSignal;
  readonly #hedge: HedgeBudget;
  /** Pages one after the other, so that two stripes do not fetch the same. */
  #pages: Promise<void> = Promise.resolve();

  constructor(dependencies: GetDependencies, readable: Readable, dictionary: Dictionary | undefined, signal: AbortSignal) {
    this.#dependencies = dependencies;
    this.#readable = readable;
    this.#dictionary = dictionary;
    this.#signal = signal;
    const { header } = readable.found.view;
    // All stripes of the window may lose their holders at once, before much was received.
    this.#hedge = new HedgeBudget((dependencies.getWindowStripes * header.storedBytes) / header.stripes);
  }

  async open(piece: StripePiece): Promise<Opened> {
    const { found, sources } = this.#readable;
    const { view } = found;
    const paged = this.#pages.then(() => ensurePage(this.#dependencies, view, piece.stripe, sources.peers(), this.#signal));
    this.#pages = paged.catch(() => undefined);
    await paged;
    const entry = view.stripe(piece.stripe);
    const isWhole = view.header.mode === 'whole';
    const request: GatherRequest = {
      object: view.root, stripe: piece.stripe, entry, sources, hedge: this.#hedge, signal: this.#signal,
      wanted: isWhole ? Array.from({ length: dataRows }, (_, row) => row) : piece.pieces.map(({ segment }) => segment),
    };
    const gathered = new GatheredRows();
    const heldBytes = storedBytesOf(entry);
    this.#dependencies.inFlight.add(heldBytes);
    try {
      for (let attempt = 0; ; attempt++) {
        await gather(this.#dependencies, request, gathered);
        try {
          const opened = isWhole ? await this.#openWhole(gathered, piece) : await this.#openSegments(gathered, request, piece);
          this.#dependencies.inFlight.add(opened.bytes);
          return opened;
        } catch (error) {
          if (!isPangeaError(error, 'CORRUPT')) throw error;
          // Wrong bytes of a peer are left out and others tried; right bytes that do not open are the putter's fault.
          if (attempt === rows || (await dropWrongRows(this.#dependencies, request, gathered)) === 0) {
            throw new PangeaError('CORRUPT', `stripe ${piece.stripe}: the shards are what the layout commits to, but they do not open`, {
              cause: error, data: { root: digestOf(view.root), stripe: piece.stripe },
            });
          }
        }
      }
    } finally {
      gathered.release();
      this.#dependencies.inFlight.add(-heldBytes);
    }
  }

  close(opened: Opened): void {
    for (const { body } of opened.parts) body.release();
    this.#dependencies.inFlight.add(-opened.bytes);
    this.#forgetPages();
  }

  /** A long read keeps the pages of its window only. */
  #forgetPages(): void {
    const { view } = this.#readable.found;
    const kept = Math.ceil(this.#dependencies.getWindowStripes / stripesPerPage) + 64;
    if (view.pages > kept) view.keepPages(kept);
  }

  async #openWhole(gathered: GatheredRows, piece: StripePiece): Promise<Opened> {
    const { dataKey, manifest } = this.#readable;
    const [{ from, to }] = piece.pieces as [StripePiece['pieces'][number]];
    const body = await this.#dependencies.codec.decodeWhole({
      shards: gathered.bodies, key: dataKey, maxBytes: manifest.plaintextBytes, dictionary: this.#dictionary,
    });
    if (body.byteLength !== manifest.plaintextBytes) {
      body.release();
      throw new PangeaError('CORRUPT', 'the block has another size than the manifest says');
    }
    return { parts: [{ body, from, to }], bytes: body.byteLength };
  }

  async #openSegments(gathered: GatheredRows, { entry, wanted }: GatherRequest, piece: StripePiece): Promise<Opened> {
    const { codec } = this.#dependencies;
    const { found, dataKey } = this.#readable;
    const absent = wanted.filter((row) => gathered.bodies[row] === null);
    const computed = absent.length === 0 ? [] : await codec.reconstruct({ shards: gathered.bodies, lengths: entry.lengths, rows: absent });
    try {
      const settled = await Promise.allSettled(piece.pieces.map(async ({ segment, plaintextBytes, from, to }) => ({
        from, to,
        body: await codec.openSegment({
          sealed: gathered.bodies[segment] ?? computed[absent.indexOf(segment)] ?? emptyBody,
          segment, plaintextBytes, key: dataKey, dictionary: this.#dictionary,
          context: { salt: found.view.header.salt, stripe: piece.stripe, segmentsInStripe: piece.segmentsInStripe },
        }),
      })));
      const parts = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const failed = settled.find((result) => result.status === 'rejected');
      if (failed) {
        for (const { body } of parts) body.release();
        throw failed.reason;
      }
      return { parts, bytes: parts.reduce((sum, { body }) => sum + body.byteLength, 0) };
    } finally {
      for (const body of computed) body.release();
    }
  }
}

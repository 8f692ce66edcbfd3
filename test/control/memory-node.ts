import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeApi, ObjectRecord, PutOptions, PutResult, TrainOptions, TreeEntry } from '../../src/api/api.ts';
import { PangeaError } from '../../src/errors/errors.ts';

type Kept = PutResult & { readonly content: Uint8Array; readonly tree?: readonly (TreeEntry & { readonly held?: Uint8Array })[] };

/** The node's interface over a map: keeps what is put, gives it back, and can be told to break in the middle. */
export class MemoryNode implements NodeApi {
  readonly #objects = new Map<string, Kept>();
  /** A get fails with CORRUPT after this many bytes. */
  failAfterBytes = Infinity;
  chunkBytes = 1024 * 1024;
  /** Signals of the calls, so that tests see aborts arrive. */
  readonly signals: AbortSignal[] = [];

  async put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult> {
    if (options.signal) this.signals.push(options.signal);
    if (options.name === 'refused') throw new PangeaError('NOT_ENOUGH_PEERS', 'nobody is there', { data: { peers: 0 } });
    if (options.dictionary === 'unknown') {
      await sleep(20);
      throw new PangeaError('NOT_FOUND', 'no such dictionary');
    }
    const bytes = await collect(content);
    if (options.expectedBytes !== undefined && options.expectedBytes !== bytes.length) throw new PangeaError('PROTOCOL', 'another length than announced');
    return this.#keep(options, { bytes: bytes.length, kind: 'file' }, { content: bytes });
  }

  async putTree(entries: AsyncIterable<TreeEntry>, options: PutOptions): Promise<PutResult> {
    const tree: (TreeEntry & { held?: Uint8Array })[] = [];
    for await (const { content, ...entry } of entries) tree.push(content === undefined ? entry : { ...entry, held: await collect(content) });
    return this.#keep(options, { bytes: tree.reduce((sum, entry) => sum + entry.bytes, 0), kind: 'directory' }, { content: new Uint8Array(0), tree });
  }

  async trainDictionary(samples: AsyncIterable<TreeEntry>, { bytes, ...options }: TrainOptions): Promise<PutResult> {
    const parts: Uint8Array[] = [];
    for await (const { content } of samples) parts.push(content === undefined ? new Uint8Array(0) : await collect(content));
    const content = Buffer.concat(parts).subarray(0, bytes);
    return this.#keep(options, { bytes: content.length, kind: 'file' }, { content });
  }

  async get(reference: string, { offset = 0, length, signal }: { offset?: number; length?: number; signal?: AbortSignal } = {}) {
    if (signal) this.signals.push(signal);
    const { name, kind, mediaType, content } = this.#find(reference);
    const part = content.subarray(offset, length === undefined ? undefined : offset + length);
    const { chunkBytes, failAfterBytes } = this;
    // One buffer for all chunks, as the contract allows: a receiver that keeps a chunk sees it overwritten.
    const buffer = new Uint8Array(chunkBytes);
    return {
      name, kind, mediaType, bytes: part.length,
      content: (async function* () {
        for (let at = 0; at < part.length; at += chunkBytes) {
          if (at >= failAfterBytes) throw new PangeaError('CORRUPT', 'stripe 3 does not authenticate', { data: { stripe: 3 } });
          const piece = part.subarray(at, at + chunkBytes);
          buffer.set(piece);
          yield buffer.subarray(0, piece.length);
        }
      })(),
    };
  }

  async getTree(reference: string) {
    const { name, tree = [] } = this.#find(reference);
    return {
      name,
      entries: (async function* () {
        for (const { held, ...entry } of tree) yield held === undefined ? entry : { ...entry, content: (async function* () { yield held; })() };
      })(),
    };
  }

  async *list(): AsyncGenerator<ObjectRecord> {
    for (const kept of this.#objects.values()) yield recordOf(kept);
  }

  async *search(pattern: string): AsyncGenerator<ObjectRecord> {
    for await (const record of this.list()) if (record.name.includes(pattern)) yield record;
  }

  async info(reference: string) {
    const kept = this.#find(reference);
    return { ...recordOf(kept), storedBytes: kept.storedBytes, stripes: 1, mode: 'whole' as const, holders: [], shardsPresent: 12, shardsTotal: 12, survivesFailures: 4 };
  }

  async remove(reference: string) {
    const { root } = this.#find(reference);
    this.#objects.delete(root);
    return { root, confirmed: 12, holders: 12 };
  }

  async peers() { return []; }
  async connectPeer(address: string): Promise<{ peer: string }> { throw new PangeaError('PEER_UNREACHABLE', `${address} does not answer`); }
  async revokePeer(): Promise<void> {}
  async plan(): Promise<never> { throw new PangeaError('NOT_SUPPORTED', 'no stages in memory'); }
  async status(): Promise<never> { throw new TypeError('a bug in the node'); }
  async invite({ uses }: { uses: number }) { return { ticket: `ticket for ${uses}` }; }

  #find(reference: string): Kept {
    const kept = this.#objects.get(reference) ?? [...this.#objects.values()].find(({ name, link }) => name === reference || link === reference);
    if (kept === undefined) throw new PangeaError('NOT_FOUND', 'no such object in the catalogue');
    return kept;
  }

  #keep(options: PutOptions, facts: { bytes: number; kind: 'file' | 'directory' }, held: Pick<Kept, 'content' | 'tree'>): PutResult {
    const root = createHash('sha256').update(options.name).update(held.content).digest('hex');
    const result: PutResult = {
      root, link: `pangea:1:${root.slice(0, 20)}`, name: options.name, ...facts, mediaType: options.mediaType ?? 'application/octet-stream', createdMs: 1,
      ack: { asked: options.ack ?? 'all', fsynced: 12, holders: 12 }, survivesFailures: 4, storedBytes: facts.bytes, seconds: 0,
      compression: { compressedBytes: facts.bytes, levels: { store: 1 }, ...(options.dictionary === undefined ? {} : { dictionary: options.dictionary }) },
    };
    this.#objects.set(root, { ...result, ...held });
    return result;
  }
}

function recordOf({ root, link, name, kind, bytes, mediaType, createdMs }: Kept): ObjectRecord {
  return { root, link, name, kind, bytes, mediaType, createdMs };
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return new Uint8Array(Buffer.concat(parts));
}

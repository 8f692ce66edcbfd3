/** Upload and download as the existing network's clients ask for them: whole contents in one message. */
import type { ShardPlace, UploadReport } from '../api/api.ts';
import { dataShards, totalShards } from '../codec/codec.ts';
import { PangeaError, isPangeaError } from '../errors/errors.ts';
import type { Host } from '../host/host.ts';
import { parseDigest, type PeerId } from '../ids/ids.ts';
import type { Objects } from '../objects/objects.ts';
import { toHex, type Clock, type Random } from '../std/std.ts';
import { fetchForeign } from '../transport/transport.ts';
import { blockLimits, type Blocks } from './mixed-blocks.ts';
import type { Labels } from './mixed-labels.ts';
import type { Uploads } from './mixed-uploads.ts';

const fetchMs = 15_000;
const longestHash = 256;
/** Places that are looked at; a client that names more names the same shards again. */
const mostPlaces = 4096;
/** Nodes that are asked for one shard. */
const peersPerShard = 4;

export interface FilesParts {
  readonly objects: Objects;
  readonly blocks: Blocks;
  readonly labels: Labels;
  readonly uploads: Uploads;
  readonly host: Host;
  /** What foreign peers stored here. */
  readonly fetchHere: (hash: string, index: number) => Promise<Uint8Array | undefined>;
  readonly clock: Clock;
  readonly random: Random;
}

export class Files {
  readonly #parts: FilesParts;

  constructor(parts: FilesParts) {
    this.#parts = parts;
  }

  /** The key stays in this node's catalogue. Where shards go is placement's to decide: clients' wishes do not steer it. */
  async upload(data: Uint8Array): Promise<UploadReport> {
    const { objects, labels, uploads, random } = this.#parts;
    if (data.length > blockLimits.bytes) throw new PangeaError('TOO_LARGE', `an upload has at most ${blockLimits.bytes} bytes; a streaming put has no such bound`);
    const { root, name, bytes, createdMs } = await objects.put(once(data), { name: `upload-${toHex(random.bytes(6))}`, expectedBytes: data.length });
    await uploads.remember(root);
    const places = (await objects.places(root)).flatMap(({ stripe, row, peer }): ShardPlace[] => {
      const label = labels.labelOf(peer);
      return label === undefined ? [] : [{ index: stripe * totalShards + row, label }];
    });
    return { root, name, bytes, places, createdMs };
  }

  /**
   * What `upload` made, else a block from the named places. Other objects of the catalogue are not found: nobody showed a token.
   * Throws `NOT_FOUND`, `NO_KEY`, `NOT_ENOUGH_SHARDS`, `CORRUPT`, `TOO_LARGE`.
   */
  async download(fileHash: string, places: readonly ShardPlace[]): Promise<Uint8Array> {
    if (fileHash.length === 0 || fileHash.length > longestHash) throw new PangeaError('USAGE', `a file hash has 1 to ${longestHash} letters`);
    const root = parseDigest(fileHash.toLowerCase());
    try {
      if (root !== undefined && (await this.#parts.uploads.has(root))) return await this.#object(root);
    } catch (error) {
      if (places.length === 0 || !(isPangeaError(error, 'NO_KEY') || isPangeaError(error, 'NOT_FOUND'))) throw error;
    }
    if (places.length === 0) throw new PangeaError('NOT_FOUND', 'no upload to this node has this hash, and no places of shards were named');
    return this.#parts.blocks.reconstruct(await this.#gather(fileHash, places.slice(0, mostPlaces)));
  }

  async #object(root: string): Promise<Uint8Array> {
    const { bytes, content } = await this.#parts.objects.get(root);
    if (bytes > blockLimits.bytes) throw new PangeaError('TOO_LARGE', `the object has ${bytes} bytes: get it as a stream`);
    const out = new Uint8Array(bytes);
    let at = 0;
    for await (const chunk of content) {
      out.set(chunk, at);
      at += chunk.length;
    }
    return out;
  }

  /** Data rows first; a parity row only in place of one that nobody gives. */
  async #gather(hash: string, places: readonly ShardPlace[]): Promise<readonly (Uint8Array | undefined)[]> {
    const shards: (Uint8Array | undefined)[] = Array.from({ length: totalShards });
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < totalShards) {
        const row = next++;
        shards[row] = await this.#fetch(hash, row, places);
        if (shards[row] !== undefined) return;
      }
    };
    await Promise.all(Array.from({ length: dataShards }, worker));
    const found = shards.filter((shard) => shard !== undefined).length;
    if (found < dataShards) {
      throw new PangeaError('NOT_ENOUGH_SHARDS', `${found} of the ${dataShards} shards that are needed could be fetched from the named nodes`, { data: { found, needed: dataShards } });
    }
    return shards;
  }

  async #fetch(hash: string, index: number, places: readonly ShardPlace[]): Promise<Uint8Array | undefined> {
    const { labels, host, clock, fetchHere } = this.#parts;
    const wanted = new Set(places.filter((place) => place.index === index).map(({ label }) => label));
    for (const label of [...wanted].slice(0, peersPerShard)) {
      try {
        const peer: PeerId = labels.peerOf(label);
        const shard = peer === host.peerId ? await fetchHere(hash, index) : await fetchForeign(host, peer, hash, index, { clock, timeoutMs: fetchMs });
        if (shard !== undefined) return shard;
      } catch {
        // Unknown, silent or speaking something else: the next place may have it, and too few in all is an error that says so.
      }
    }
    return undefined;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

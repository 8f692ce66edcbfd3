/**
 * The graph in a bucket of an S3-compatible service: one object a node, changed by conditional writes, so that several
 * nodes share a bucket and none undoes what another wrote. For graphs of many small nodes; a set of 100,000 items belongs on
 * a disk, since a change writes its object anew. Why so: `docs/internals/graph-storage.md`.
 */
import { PangeaError } from '../../errors/errors.ts';
import { mapConcurrent } from '../../std/std.ts';
import { GraphNode } from '../data/node.ts';
import type { Delta, Field, Lex } from '../data/types.ts';
import { decodeText } from './durable-text.ts';
import { bySoul, mergeInto } from './merge.ts';
import { compareBytes } from './order.ts';
import { S3Client, type S3Keys, type S3Place, type S3Surroundings } from './s3-client.ts';
import { hashedStem, isHashed, objectKey, objectPrefix, readObject, soulBytesOf, writeObject } from './s3-node.ts';
import { isReverse, rangeOf, selects, spanOf } from './select.ts';
import type { GraphStore } from './storage.ts';
import { WriteQueue } from './write-queue.ts';

const format = 'pangea-graph 1';
const formatKey = 'format';
const requestsAtOnce = 32;
const groupFields = 4_096;
/** UTF-16 units of the versions that are remembered, so that most writes need no look before. */
const remembered = 16 * 2 ** 20;
/** Absent nodes are remembered too, and each version costs more than its text. */
const versionOverhead = 200;
/** Another node changed the same object so many times in between. */
const conflictsBorne = 30;

/** `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`; without endpoint Amazon's of the region, `us-east-1` when that is missing too. Fails with CONFIG_INVALID. */
export function parseS3Url(text: string): S3Place {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const region = url?.searchParams.get('region') ?? 'us-east-1';
  const endpoint = url?.searchParams.get('endpoint') ?? `https://s3.${region}.amazonaws.com`;
  const prefix = decodeURIComponent(url?.pathname ?? '').replace(/^\/+|\/+$/g, '');
  const isRight = url?.protocol === 's3:' && /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host) && /^[a-z0-9-]{1,40}$/.test(region) && /^[\w./=-]{0,200}$/.test(prefix);
  if (!isRight || !URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw new PangeaError('CONFIG_INVALID', 'a bucket is written s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME');
  }
  return { bucket: url.host, prefix, endpoint, region };
}

/**
 * Fails with `DENIED`, `STORE_MISSING` (no such bucket), `STORE_FOREIGN` (another format, or something else under the prefix), `STORE_IO`,
 * `TIMEOUT`, and `BACKEND_UNAVAILABLE` for a service that does not honour conditional writes.
 */
export async function openS3Store(place: S3Place, keys: S3Keys, surroundings: S3Surroundings): Promise<GraphStore> {
  const client = new S3Client(place, keys, surroundings);
  const first = await client.put(formatKey, format, undefined);
  const { text } = await client.get(formatKey);
  if (text !== format) throw new PangeaError('STORE_FOREIGN', `bucket ${place.bucket}: what lies under ${JSON.stringify(place.prefix)} is not of this version`);
  if (first.status === 200 && (await client.put(formatKey, format, undefined)).status === 200) {
    throw new PangeaError('BACKEND_UNAVAILABLE', `${new URL(place.endpoint).host} does not honour conditional writes (If-None-Match), without which nodes would undo each other's writes`);
  }
  return new S3Store(client);
}

/** An object as it was seen: the condition under which it may be replaced. */
interface Version {
  /** Undefined: there is none. */
  readonly etag: string | undefined;
  readonly text: string | undefined;
}

class S3Store implements GraphStore {
  readonly name = 's3';
  readonly durability = 'remote';
  readonly #client: S3Client;
  readonly #queue = new WriteQueue(groupFields, (deltas) => this.#commit(deltas));
  /** By soul what was seen last, the least recently used first. */
  readonly #versions = new Map<string, Version>();
  #versionUnits = 0;
  #fields = 0;
  #bytes = 0;
  #closed = false;

  constructor(client: S3Client) {
    this.#client = client;
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    this.#alive();
    return mapConcurrent(souls, requestsAtOnce, async (soul) => nodeOf(soul, await this.#look(soul)));
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    const [node] = await this.read([soul]);
    return node && rangeOf(node, lex);
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    this.#alive();
    if (!isReverse(lex)) return yield* this.#ascending(lex);
    const souls: string[] = [];
    for await (const soul of this.#ascending(lex)) souls.push(soul);
    yield* souls.reverse();
  }

  async write(deltas: readonly Delta[]): Promise<void> {
    this.#alive();
    return this.#queue.write(deltas);
  }

  stats(): { readonly writes: number; readonly fields: number; readonly bytes: number } {
    return { writes: this.#queue.writes, fields: this.#fields, bytes: this.#bytes };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.flush();
  }

  async #commit(deltas: readonly Delta[]): Promise<void> {
    await mapConcurrent([...bySoul(deltas)], requestsAtOnce, ([soul, fields]) => this.#merge(soul, fields));
  }

  async #merge(soul: string, fields: readonly Field[]): Promise<void> {
    let version = this.#versions.get(soul) ?? (await this.#look(soul));
    for (let conflicts = 0; conflicts < conflictsBorne; conflicts++) {
      const node = nodeOf(soul, version) ?? new GraphNode(soul);
      const taken = mergeInto(node, fields);
      // What is remembered may be out of date, but what it had was stored: losing against it is losing.
      if (taken === 0) return;
      const text = writeObject(node);
      const { status, etag } = await this.#client.put(objectKey(soul), text, version.etag);
      if (status === 200) {
        this.#remember(soul, { etag, text });
        this.#fields += taken;
        this.#bytes += text.length;
        return;
      }
      version = await this.#look(soul);
    }
    throw new PangeaError('STORE_IO', `the node ${JSON.stringify(soul)} was changed by others ${conflictsBorne} times in between`);
  }

  async #look(soul: string): Promise<Version> {
    const { status, etag, text } = await this.#client.get(objectKey(soul));
    const version = status === 404 ? { etag: undefined, text: undefined } : { etag, text };
    this.#remember(soul, version);
    return version;
  }

  #remember(soul: string, version: Version): void {
    this.#forget(soul);
    if (version.text !== undefined && version.etag === undefined) throw new PangeaError('BACKEND_UNAVAILABLE', 'the object service gives no ETag, without which writes cannot be conditional');
    this.#versions.set(soul, version);
    this.#versionUnits += unitsOf(version);
    for (const oldest of this.#versions.keys()) {
      if (this.#versionUnits <= remembered) break;
      this.#forget(oldest);
    }
  }

  #forget(soul: string): void {
    const version = this.#versions.get(soul);
    if (!version) return;
    this.#versions.delete(soul);
    this.#versionUnits -= unitsOf(version);
  }

  async *#ascending(lex: Lex | undefined): AsyncIterable<string> {
    const { from, through } = spanOf(lex);
    const first = objectPrefix(from);
    const end = through === undefined ? undefined : objectPrefix(through);
    let stem = '';
    let long: string[] = [];
    for await (const key of this.#keys(from === through ? first : objectPrefix(''), first.slice(0, -1))) {
      if (end !== undefined && key > end && !key.startsWith(end)) break;
      if (long.length > 0 && (!isHashed(key) || hashedStem(key) !== stem)) yield* await this.#longSouls(long.splice(0), lex);
      if (isHashed(key)) {
        stem = hashedStem(key);
        long.push(key);
        continue;
      }
      const soul = decodeText(soulBytesOf(key) as Buffer);
      if (selects(lex, soul)) yield soul;
    }
    yield* await this.#longSouls(long, lex);
  }

  async *#keys(prefix: string, after: string): AsyncIterable<string> {
    let last: string | undefined = after;
    for (;;) {
      const { keys, more } = await this.#client.list(prefix, last);
      for (const key of keys) {
        this.#alive();
        yield key;
      }
      last = keys.at(-1);
      if (!more || last === undefined) return;
    }
  }

  /** Souls that only their objects tell, in order. */
  async #longSouls(keys: readonly string[], lex: Lex | undefined): Promise<string[]> {
    const souls = await mapConcurrent(keys, requestsAtOnce, async (key) => {
      const { status, text } = await this.#client.get(key);
      return status === 404 ? undefined : readObject(text).soul;
    });
    return souls.filter((soul) => soul !== undefined && selects(lex, soul)).sort((a, b) => compareBytes(a as string, b as string)) as string[];
  }

  #alive(): void {
    if (this.#closed) throw new PangeaError('STORE_CLOSED', 'the graph store is closed');
  }
}

function nodeOf(soul: string, { text }: Version): GraphNode | undefined {
  return text === undefined ? undefined : readObject(text, soul);
}

function unitsOf({ text }: Version): number {
  return versionOverhead + (text?.length ?? 0);
}

/** What the simulation knows for sure: which puts were acknowledged, and where their rows were on disk at that moment. */
import { isPangeaError } from '../../src/errors/errors.ts';
import { bytesOfDigest, type Digest } from '../../src/ids/ids.ts';
import type { AckLevel, GetResult } from '../../src/objects/objects.ts';
import { seededRandom, utf8 } from '../../src/std/std.ts';
import { recordKind, type RecordKey } from '../../src/store/store.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

/** `deleting`: a delete was begun, so that both outcomes are right from then on. */
export type ObjectState = 'stored' | 'deleting' | 'deleted';

export interface DurableRow {
  readonly node: SimNode;
  readonly key: RecordKey;
}

export interface Acknowledged {
  readonly name: string;
  readonly root: Digest;
  readonly link: string;
  readonly content: Content;
  readonly ack: AckLevel;
  state: ObjectState;
  /** Rows that would have survived a power loss everywhere at the moment of the acknowledgement. */
  readonly durable: readonly DurableRow[];
}

export class Violation extends Error {}

/** Bytes that can be made again from a number. */
export class Content {
  readonly seed: number;
  readonly bytes: number;

  constructor(seed: number, bytes: number) {
    this.seed = seed;
    this.bytes = bytes;
  }

  all(): Uint8Array {
    return seededRandom(this.seed).bytes(this.bytes);
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    const all = this.all();
    for (let at = 0; at < all.length; at += 100_000) yield all.subarray(at, at + 100_000);
  }
}

export class Ledger {
  readonly acknowledged: Acknowledged[] = [];
  readonly #world: World;
  readonly counts = { puts: 0, putErrors: 0, gets: 0, getErrors: 0, removes: 0 };

  constructor(world: World) {
    this.#world = world;
  }

  /** Puts on a node; what it settles to is noted. A put of a node that dies never settles, and promises nothing. */
  async put(node: SimNode, name: string, content: Content, ack: AckLevel): Promise<void> {
    const { trace } = this.#world;
    trace.add(`put ${name} ${content.bytes} ${ack} on ${node.name}`);
    try {
      const result = await node.objects?.put(content.stream(), { name, ack });
      if (result === undefined) return;
      this.counts.puts++;
      trace.add(`put ${name} done ${result.root} holders ${result.ack.holders} fsynced ${result.ack.fsynced}`);
      const root = result.root as Digest;
      const durable = this.#durableRows(root);
      if (ack === 'all') this.#checkAllDurable(name, durable);
      this.acknowledged.push({ name, root, link: result.link, content, ack, state: 'stored', durable });
    } catch (error) {
      this.counts.putErrors++;
      trace.add(`put ${name} failed ${this.#codeOf(error, `put ${name}`)}`);
    }
  }

  /** Reads on a node, all or a range. Whatever comes back must be what was put. Gives whether it did. */
  async get(node: SimNode, object: Acknowledged, range?: { offset: number; length: number }): Promise<boolean> {
    const { trace } = this.#world;
    const { objects } = node;
    if (objects === undefined) return false;
    this.counts.gets++;
    const what = `get ${object.name} on ${node.name}${range ? ` ${range.offset}+${range.length}` : ''}`;
    try {
      const { content } = await objects.get(object.link, range);
      await this.#compare(object, content, range, what);
      trace.add(`${what} ok`);
      return true;
    } catch (error) {
      if (error instanceof Violation) throw error;
      this.counts.getErrors++;
      trace.add(`${what} failed ${this.#codeOf(error, what)}`);
      return false;
    }
  }

  async remove(node: SimNode, object: Acknowledged): Promise<void> {
    const { trace } = this.#world;
    object.state = 'deleting';
    this.counts.removes++;
    trace.add(`remove ${object.name} on ${node.name}`);
    try {
      const result = await node.objects?.remove(object.link);
      if (result === undefined) return;
      if (result.confirmed > 0) object.state = 'deleted';
      trace.add(`remove ${object.name} confirmed by ${result.confirmed} of ${result.holders}`);
    } catch (error) {
      trace.add(`remove ${object.name} failed ${this.#codeOf(error, `remove ${object.name}`)}`);
    }
  }

  async #compare(object: Acknowledged, content: GetResult['content'], range: { offset: number; length: number } | undefined, what: string): Promise<void> {
    const all = object.content.all();
    const expected = range ? all.subarray(range.offset, range.offset + range.length) : all;
    let at = 0;
    for await (const chunk of content) {
      if (Buffer.compare(chunk, expected.subarray(at, at + chunk.length)) !== 0) throw new Violation(`${what}: bytes at ${at} are not what was put`);
      at += chunk.length;
    }
    if (at !== expected.length) throw new Violation(`${what}: ended without an error after ${at} of ${expected.length} bytes`);
  }

  #codeOf(error: unknown, what: string): string {
    if (isPangeaError(error) && error.code !== 'INTERNAL') return error.code;
    throw new Violation(`${what}: an error without a stable code: ${error instanceof Error ? error.stack : String(error)}`);
  }

  #durableRows(root: Digest): DurableRow[] {
    return this.#world.nodes.filter(({ state }) => state !== 'destroyed').flatMap((node) =>
      shardKeys(node, root, true).map((key) => ({ node, key })));
  }

  #checkAllDurable(name: string, durable: readonly DurableRow[]): void {
    const rows = new Set(durable.map(({ key }) => `${key.stripe}/${key.row}`));
    const stripes = new Set(durable.map(({ key }) => key.stripe)).size;
    for (let stripe = 0; stripe < stripes; stripe++) {
      const found = [...rows].filter((row) => row.startsWith(`${stripe}/`)).length;
      // The last stripe of a short object may have fewer rows with bytes; 4 parity rows and one data row are always there.
      if (found < (stripe < stripes - 1 ? 12 : 5)) throw new Violation(`put ${name}: acknowledged with ${found} rows of stripe ${stripe} on disk`);
    }
    if (stripes === 0) throw new Violation(`put ${name}: acknowledged with nothing on disk`);
  }
}

/** Keys of the shards that a node's disk has of an object, whatever they were uploaded under; `durable`: only what a power loss leaves. */
export function shardKeys(node: SimNode, root: Digest, durable = false): readonly RecordKey[] {
  const object = objectIdOn(node, root);
  if (object === undefined) return [];
  return node.store.records(object).map(({ key }) => key).filter((key) => key.kind === recordKind.shard && (!durable || node.store.isDurable(key)));
}

function objectIdOn(node: SimNode, root: Digest): Uint8Array | undefined {
  const key = { object: bytesOfDigest(root), kind: recordKind.holders, stripe: 0, row: 0 };
  const record = node.store.peek(key);
  // Magic, version and flags stand before the id: `schema/layout.md`, holders record.
  return record === undefined || Buffer.compare(record.subarray(0, 4), utf8('PGHO')) !== 0 ? undefined : record.subarray(8, 40);
}

/**
 * Values that are too large for a store of small records lie elsewhere, and the store keeps a reference.
 *
 * Promises: a value is where `LargeValues` keeps it before the write that names it begins, and stays there until no
 * field names it; a reader gets the whole value or an error, never another value. What a crash leaves behind is removed
 * after the next opening: every object is in the ledger from before its first use until it is gone. One window is left:
 * a crash between the end of `put` and the ledger's entry leaves an object that nobody knows.
 */
import { PangeaError } from '../../errors/errors.ts';
import type { KeyValueStore } from '../../kv/kv.ts';
import { mapConcurrent } from '../../std/std.ts';
import type { GraphNode } from '../data/node.ts';
import type { Delta, Field, Lex, Value } from '../data/types.ts';
import { LargeLedger, type Place } from './large-ledger.ts';
import { bytesToText, textToBytes } from './large-text.ts';
import { utf8Length } from './order.ts';
import { RangeAnswer } from './select.ts';
import type { GraphStore } from './storage.ts';

export interface LargeValues {
  readonly name: string;
  readonly durability: GraphStore['durability'];
  /** Resolves when they are kept, with the reference by which they are found: at most 1,000 characters. */
  put(bytes: Uint8Array): Promise<string>;
  /** Fails with NOT_FOUND or what else kept them away. */
  get(reference: string): Promise<Uint8Array>;
  /** What is gone already is no error. */
  delete(reference: string): Promise<void>;
}

export interface LargeOptions {
  /** Texts of more UTF-8 bytes are large; default 64 KiB. Below the 500 bytes that a reference takes there is nothing to gain. */
  readonly thresholdBytes?: number;
}

/** What stands in the store in place of a large value: the beginning of the value, by which equal states are mostly decided, this mark, and the rest as JSON. */
const mark = '\0pangea-large\0';
const headUnits = 128;
const atOnce = 8;

interface Reference {
  readonly reference: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * A store whose large values lie in `values`. `ledger` must outlive the process as the store does; keys under `graph/large/` in it are taken.
 * What a crash left behind is looked after in the background.
 */
export async function withLargeValues(store: GraphStore, values: LargeValues, ledger: KeyValueStore, { thresholdBytes = 65_536 }: LargeOptions = {}): Promise<GraphStore> {
  return new LargeStore(store, values, await LargeLedger.open(ledger), thresholdBytes);
}

class LargeStore implements GraphStore {
  readonly name: string;
  readonly durability: GraphStore['durability'];
  readonly #store: GraphStore;
  readonly #values: LargeValues;
  readonly #ledger: LargeLedger;
  readonly #thresholdBytes: number;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #settling: Promise<void>;
  #closed = false;

  constructor(store: GraphStore, values: LargeValues, ledger: LargeLedger, thresholdBytes: number) {
    this.name = `${store.name}+${values.name}`;
    this.durability = [store, values].some(({ durability }) => durability === 'memory') ? 'memory' : store.durability;
    this.#store = store;
    this.#values = values;
    this.#ledger = ledger;
    this.#thresholdBytes = thresholdBytes;
    this.#settling = this.#settle(ledger.doubtful);
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    const nodes = await this.#store.read(souls);
    const large = nodes.flatMap((node) => (node ? [...node.fields()].filter(({ value }) => isReference(value)).map((field) => ({ node, field })) : []));
    await mapConcurrent(large, atOnce, async ({ node, field }) => node.set(field.key, await this.#resolve(node.soul, field), field.state));
    return nodes;
  }

  async range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    const found = await this.#store.range(soul, lex);
    if (!found) return undefined;
    const answer = new RangeAnswer(soul, lex);
    for (const field of found.fields()) if (!answer.offer({ ...field, value: await this.#resolve(soul, field) })) break;
    return answer.result();
  }

  souls(lex?: Lex): AsyncIterable<string> {
    return this.#store.souls(lex);
  }

  /** One after the other: which objects a write ends depends on those before it. */
  write(deltas: readonly Delta[]): Promise<void> {
    if (this.#closed) return Promise.reject(new PangeaError('STORE_CLOSED', 'the graph store is closed'));
    const written = this.#writing.then(() => this.#write(deltas));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  stats(): { readonly writes: number; readonly fields: number; readonly bytes: number } {
    return this.#store.stats();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#store.close();
    await this.#settling;
  }

  async #write(deltas: readonly Delta[]): Promise<void> {
    const places: Place[] = [];
    const small = await mapConcurrent(deltas, atOnce, async ({ soul, fields }): Promise<Delta> => {
      const kept: Field[] = [];
      for (const field of fields) {
        places.push(...this.#ledger.at(soul, field.key));
        if (!this.#isLarge(field.value)) {
          kept.push(field);
          continue;
        }
        const { reference, value } = await this.#outsource(field.value as string);
        places.push({ reference, soul, key: field.key });
        kept.push({ ...field, value });
      }
      return { soul, fields: kept };
    });
    if (places.length === 0) return this.#store.write(deltas);
    await this.#ledger.doubt(places);
    try {
      await this.#store.write(small);
    } finally {
      await this.#settle(places);
    }
  }

  /**
   * Looks which objects in doubt the store names, and removes the others. What fails stays in doubt, for the next opening: the
   * write itself has its own result, and an object too many harms nobody.
   */
  async #settle(places: readonly Place[]): Promise<void> {
    await mapConcurrent(places, atOnce, async (place) => {
      try {
        const field = (await this.#store.range(place.soul, { '=': place.key }))?.field(place.key);
        const isNamed = field !== undefined && isReference(field.value) && parse(field.value as string).reference === place.reference;
        if (!isNamed) await this.#values.delete(place.reference);
        await this.#ledger.settle(place, isNamed);
      } catch {
        return;
      }
    });
  }

  #isLarge(value: Value): boolean {
    if (typeof value !== 'string') return false;
    return isReference(value) || (value.length * 3 > this.#thresholdBytes && utf8Length(value) > this.#thresholdBytes);
  }

  async #outsource(text: string): Promise<{ readonly reference: string; readonly value: string }> {
    const bytes = textToBytes(text);
    const reference = await this.#values.put(bytes);
    const rest: Reference = { reference, bytes: bytes.length, sha256: await sha256(bytes) };
    return { reference, value: text.slice(0, headUnits).padEnd(headUnits, '\0') + mark + JSON.stringify(rest) };
  }

  async #resolve(soul: string, { key, value }: Field): Promise<Value> {
    if (!isReference(value)) return value;
    const { reference, bytes: length, sha256: expected } = parse(value as string);
    const bytes = await this.#values.get(reference);
    if (bytes.length !== length || (await sha256(bytes)) !== expected) {
      throw new PangeaError('CORRUPT', `the large value of ${JSON.stringify(key)} in ${JSON.stringify(soul)} is not the one that was written`, { data: { soul, key } });
    }
    return bytesToText(bytes);
  }
}

/** A value that merely looks like a reference is stored as a large one, so that nothing is ever mistaken. */
function isReference(value: Value): boolean {
  return typeof value === 'string' && value.length > headUnits && value.startsWith(mark, headUnits);
}

function parse(value: string): Reference {
  try {
    return JSON.parse(value.slice(headUnits + mark.length)) as Reference;
  } catch (cause) {
    throw new PangeaError('STORE_CORRUPT', 'the reference of a large value cannot be read', { cause });
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

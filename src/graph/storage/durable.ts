/**
 * The graph in a directory: LevelDB, each write synced before it settles. Why LevelDB, and what it costs:
 * `docs/internals/graph-storage.md`; what lies on disk: `schema/graph-store.md`.
 */
import { ClassicLevel } from 'classic-level';
import { PangeaError } from '../../errors/errors.ts';
import { levelError } from '../../kv/kv.ts';
import { mapConcurrent } from '../../std/std.ts';
import { GraphNode } from '../data/node.ts';
import type { Delta, Lex } from '../data/types.ts';
import { fieldPrefix, type Level, nodeKey, nodeSpan, pages, spanWithin } from './durable-level.ts';
import { checkFormat, prepareDirectory } from './durable-open.ts';
import { readField, readNode } from './durable-record.ts';
import { decodeText } from './durable-text.ts';
import { DurableWriter } from './durable-writer.ts';
import { isReverse, RangeAnswer, rangeOf, selects, spanOf } from './select.ts';
import type { GraphStore } from './storage.ts';

const soulsARead = 1_000;
/** Split nodes of one `read` that are gathered at the same time. */
const splitAtOnce = 8;
/** A range begins with a small page, since most are answered by it. */
const firstPage = 64;

/**
 * Opens the store of a directory, or makes it, readable by its owner alone. Fails with `STORE_LOCKED` where another process has it
 * open, `STORE_CORRUPT`, `STORE_FOREIGN`, `STORE_READ_ONLY`, `STORE_FULL` or `STORE_IO`.
 */
export async function openDurableStore(directory: string): Promise<GraphStore> {
  try {
    await prepareDirectory(directory);
    const level: Level = new ClassicLevel(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    await level.open();
    try {
      await checkFormat(directory, level);
    } catch (error) {
      await level.close();
      throw error;
    }
    return new DurableStore(directory, level);
  } catch (error) {
    throw levelError(`graph store ${directory}`, error);
  }
}

class DurableStore implements GraphStore {
  readonly name = 'leveldb';
  readonly durability = 'disk';
  readonly #directory: string;
  readonly #level: Level;
  readonly #writer: DurableWriter;
  #closed = false;

  constructor(directory: string, level: Level) {
    this.#directory = directory;
    this.#level = level;
    this.#writer = new DurableWriter(level);
  }

  async read(souls: readonly string[]): Promise<(GraphNode | undefined)[]> {
    const found: (GraphNode | undefined)[] = [];
    const split: number[] = [];
    await this.#attempt(async () => {
      for (let first = 0; first < souls.length; first += soulsARead) {
        const some = souls.slice(first, first + soulsARead);
        const keys = some.map(nodeKey);
        const records = await this.#level.getMany(keys);
        for (let at = 0; at < some.length; at++) {
          const bytes = records[at];
          const record = bytes && readNode(keys[at] as Buffer, some[at] as string, bytes);
          if (record === 'split') split.push(first + at);
          found.push(record === 'split' ? undefined : record);
        }
      }
      await mapConcurrent(split, splitAtOnce, async (at) => {
        found[at] = await this.#gather(souls[at] as string);
      });
    });
    return found;
  }

  range(soul: string, lex: Lex): Promise<GraphNode | undefined> {
    return this.#attempt(async () => {
      const at = nodeKey(soul);
      const bytes = await this.#level.get(at);
      if (bytes === undefined) return undefined;
      const record = readNode(at, soul, bytes);
      if (record !== 'split') return rangeOf(record, lex);
      const answer = new RangeAnswer(soul, lex);
      const prefix = fieldPrefix(soul);
      const { from, through } = spanOf(lex);
      for await (const page of pages(this.#level, spanWithin(prefix, from, through), { reverse: isReverse(lex), first: firstPage })) {
        for (const [key, value] of page) if (!answer.offer(readField(key, decodeText(key.subarray(prefix.length)), value))) return answer.result();
      }
      return answer.result();
    });
  }

  async *souls(lex?: Lex): AsyncIterable<string> {
    this.#alive();
    const { from, through } = spanOf(lex);
    try {
      for await (const page of pages(this.#level, spanWithin(nodeSpan.gte, from, through), { reverse: isReverse(lex), keysOnly: true })) {
        for (const [key] of page) {
          const soul = decodeText(key.subarray(1));
          if (selects(lex, soul)) yield soul;
        }
        this.#alive();
      }
    } catch (error) {
      throw this.#failure(error);
    }
  }

  write(deltas: readonly Delta[]): Promise<void> {
    return this.#attempt(() => this.#writer.write(deltas));
  }

  stats(): { readonly writes: number; readonly fields: number; readonly bytes: number } {
    return this.#writer.stats();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writer.flush();
    await this.#level.close();
  }

  async #gather(soul: string): Promise<GraphNode> {
    const prefix = fieldPrefix(soul);
    const node = new GraphNode(soul);
    for await (const page of pages(this.#level, spanWithin(prefix, '', undefined))) {
      for (const [key, value] of page) {
        const field = readField(key, decodeText(key.subarray(prefix.length)), value);
        node.set(field.key, field.value, field.state);
      }
    }
    return node;
  }

  async #attempt<T>(operation: () => Promise<T>): Promise<T> {
    this.#alive();
    try {
      return await operation();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): PangeaError {
    return levelError(`graph store ${this.#directory}`, error);
  }

  #alive(): void {
    if (this.#closed) throw new PangeaError('STORE_CLOSED', `the graph store ${this.#directory} is closed`);
  }
}

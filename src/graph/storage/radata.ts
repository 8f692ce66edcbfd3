/**
 * GUN's own `radata` folder, in and out. In: every chunk is read, also those that GUN's index lost, since HAM puts right what
 * stands in two places; what is damaged is counted and left out. Out: a folder that gun.js opens as its own.
 */
import { mkdir, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PangeaError } from '../../errors/errors.ts';
import type { Delta, Field } from '../data/types.ts';
import { compareBytes } from './order.ts';
import { esc, isProblem, readChunk } from './radata-tree.ts';
import { type Entry, writeNames, writeTree } from './radata-write.ts';

/** GUN's names: the first chunk, and the index of chunks. */
const firstName = '!';
const indexName = '\u001c';
/** What GUN itself refuses to read. */
const mostChunkBytes = 90_000_000;
/**
 * GUN parses chunks in slices of 32,768 steps and misreads a name at some of the ends: its own chunks of 1 MiB lose fields whenever
 * they are read. A chunk of fewer steps is parsed in one slice, and so are indexes of up to some 3,000 chunks.
 */
const chunkSteps = 30_000;
/** Labels, brackets and commas around a leaf, at most; a text is two steps, any other character one. */
const stepsAround = 24;
/** File systems take 255 bytes. */
const longestFileName = 200;
const fieldsADelta = 1_000;
const problemsKept = 100;

export interface RadataProgress {
  readonly files: number;
  readonly filesRead: number;
  readonly bytes: number;
  readonly bytesRead: number;
  readonly fields: number;
  /** Of these, fields with damage that could be made good. */
  readonly repaired: number;
  /** Entries and whole chunks that are damaged beyond that. */
  readonly malformed: number;
  /** The first hundred of them, for people. */
  readonly problems: readonly string[];
}

export interface RadataFolder {
  /** Fields of one node together as they lie together; a node may come more than once. */
  deltas(): AsyncIterable<Delta>;
  progress(): RadataProgress;
}

/** Fails with `NOT_FOUND`, and with `FILE_IO` where it cannot be read or holds no chunk of GUN. */
export async function openRadata(directory: string): Promise<RadataFolder> {
  return attempt(directory, async () => {
    const names = (await readdir(directory)).filter((name) => !name.endsWith('.tmp')).sort();
    if (!names.includes(firstName) && !names.includes(encodeName(indexName))) throw new PangeaError('FILE_IO', `${directory} is no radata folder of GUN: it has neither ${firstName} nor ${encodeName(indexName)}`);
    const chunks = names.filter((name) => name !== encodeName(indexName)).map((name) => join(directory, name));
    const sizes = await Promise.all(chunks.map(async (path) => (await stat(path)).size));
    return new Folder(directory, chunks, sizes);
  });
}

class Folder implements RadataFolder {
  readonly #directory: string;
  readonly #chunks: readonly string[];
  readonly #sizes: readonly number[];
  readonly #problems: string[] = [];
  #filesRead = 0;
  #bytesRead = 0;
  #fields = 0;
  #repaired = 0;
  #malformed = 0;

  constructor(directory: string, chunks: readonly string[], sizes: readonly number[]) {
    this.#directory = directory;
    this.#chunks = chunks;
    this.#sizes = sizes;
  }

  async *deltas(): AsyncIterable<Delta> {
    for (const [at, path] of this.#chunks.entries()) {
      const size = this.#sizes[at] as number;
      if (size > mostChunkBytes) this.#problem(path, 'larger than any chunk');
      else yield* this.#chunk(path, await attempt(this.#directory, () => readFile(path, 'utf8')));
      this.#filesRead++;
      this.#bytesRead += size;
    }
  }

  progress(): RadataProgress {
    return {
      files: this.#chunks.length, filesRead: this.#filesRead, bytes: this.#sizes.reduce((sum, size) => sum + size, 0), bytesRead: this.#bytesRead,
      fields: this.#fields, repaired: this.#repaired, malformed: this.#malformed, problems: this.#problems,
    };
  }

  *#chunk(path: string, text: string): Iterable<Delta> {
    let soul = '';
    let fields = new Map<string, Field>();
    try {
      for (const entry of readChunk(text)) {
        if (isProblem(entry)) {
          this.#problem(path, `${entry.why}: ${JSON.stringify(entry.path.slice(0, 100))}`);
          continue;
        }
        if (fields.size > 0 && (entry.soul !== soul || fields.size === fieldsADelta || fields.has(entry.key))) {
          yield { soul, fields: [...fields.values()] };
          fields = new Map();
        }
        soul = entry.soul;
        fields.set(entry.key, { key: entry.key, value: entry.value, state: entry.state });
        this.#fields++;
        if (entry.repaired) this.#repaired++;
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#problem(path, `no chunk: ${error.message}`);
    }
    if (fields.size > 0) yield { soul, fields: [...fields.values()] };
  }

  #problem(path: string, why: string): void {
    this.#malformed++;
    if (this.#problems.length < problemsKept) this.#problems.push(`${path}: ${why}`);
  }
}

/**
 * Writes nodes, each once and whole, in order of soul by bytes, into a new folder. Fields that GUN cannot hold (an ESC in soul
 * or key) are left out and counted. Fails with `FILE_EXISTS` where the folder holds something, and `FILE_IO`.
 */
export async function writeRadata(directory: string, nodes: AsyncIterable<Delta>): Promise<{ readonly files: number; readonly fields: number; readonly leftOut: number }> {
  return attempt(directory, async () => {
    await mkdir(directory, { recursive: true });
    if ((await readdir(directory)).length > 0) throw new PangeaError('FILE_EXISTS', `${directory} is not empty: give a new folder`);
    const writer = new ChunkWriter(directory);
    let before: Delta | undefined;
    // One node ahead: a soul that continues the last one with a control character belongs before the last one's later keys.
    for await (const node of nodes) {
      if (before) await writer.node(before, !node.soul.startsWith(before.soul) || isPlain(node.soul));
      before = node;
    }
    if (before) await writer.node(before, true);
    return writer.finish();
  });
}

class ChunkWriter {
  readonly #directory: string;
  readonly #names: string[] = [];
  #name = firstName;
  #entries: Entry[] = [];
  #steps = 0;
  #fields = 0;
  #leftOut = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async node({ soul, fields }: Delta, mayCutWithin: boolean): Promise<void> {
    if (isPlain(soul)) await this.#cutAt(soul);
    for (const { key, value, state } of fields.toSorted((a, b) => compareBytes(a.key, b.key))) {
      if (soul.includes(esc) || key.includes(esc)) {
        this.#leftOut++;
        continue;
      }
      const path = soul + esc + key;
      if (mayCutWithin && isPlain(soul) && isPlain(key)) await this.#cutAt(path);
      const json = JSON.stringify({ ':': value, '>': state });
      this.#entries.push({ path, json });
      this.#steps += stepsAround + json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').length;
      this.#fields++;
    }
  }

  async finish(): Promise<{ readonly files: number; readonly fields: number; readonly leftOut: number }> {
    await this.#chunk();
    await this.#write(indexName, writeNames(this.#names));
    return { files: this.#names.length, fields: this.#fields, leftOut: this.#leftOut };
  }

  /** Everything before it in order of bytes must be before it in GUN's order of UTF-16 too, and all behind it behind. */
  async #cutAt(name: string): Promise<void> {
    if (this.#steps < chunkSteps || name <= firstName || encodeName(name).length > longestFileName) return;
    await this.#chunk();
    this.#name = name;
  }

  async #chunk(): Promise<void> {
    await this.#write(this.#name, writeTree(this.#entries));
    this.#names.push(this.#name);
    this.#entries = [];
    this.#steps = 0;
  }

  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#directory, encodeName(name));
    const file = await open(`${path}.tmp`, 'wx');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.tmp`, path);
  }
}

/** Neither control characters, which may stand before ESC, nor units where the orders of UTF-16 and bytes differ. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || unit >= 0xd800) return false;
  }
  return true;
}

function encodeName(name: string): string {
  return encodeURIComponent(name).replaceAll('*', '%2A');
}

async function attempt<T>(directory: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof PangeaError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new PangeaError(code === 'ENOENT' ? 'NOT_FOUND' : 'FILE_IO', `${directory}: ${message}`, { cause: error });
  }
}

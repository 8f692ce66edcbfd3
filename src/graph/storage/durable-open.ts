/** What is checked before a directory is taken for a store of the graph. */
import { mkdir, readdir } from 'node:fs/promises';
import { PangeaError } from '../../errors/errors.ts';
import { commit, formatKey, type Level, pages, type Put, ringKey, ringSpan } from './durable-level.ts';

const format = Buffer.from('pangea-graph 1');
/** More than LevelDB's log (4 MiB) holds batches, the smallest of which takes some 100 bytes. */
const ringSlots = 65_536;
const sequenceBytes = 6;

/**
 * LevelDB makes a new database where its file CURRENT is missing, whatever else is there: so data without it
 * is STORE_CORRUPT, and somebody else's files are STORE_FOREIGN.
 */
export async function prepareDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const names = await readdir(directory);
  if (names.includes('CURRENT')) return;
  if (names.some((name) => /\.(ldb|log)$/.test(name))) throw new PangeaError('STORE_CORRUPT', `graph store ${directory}: the file CURRENT is missing; restore it or the directory from a backup`);
  const foreign = names.find((name) => !/^(LOCK|LOG(\.old)?|MANIFEST-\d+|lost\+found|\d+\.dbtmp)$/.test(name));
  if (foreign !== undefined) throw new PangeaError('STORE_FOREIGN', `graph store ${directory}: there is ${foreign}, which is not ours; give a directory of its own`);
}

/** Writes the format into a new store. Fails with STORE_FOREIGN for another format or another's LevelDB. */
export async function checkFormat(directory: string, level: Level): Promise<void> {
  const found = await level.get(formatKey);
  if (found?.equals(format)) return;
  if (found !== undefined) throw new PangeaError('STORE_FOREIGN', `graph store ${directory}: its format is ${JSON.stringify(found.toString().slice(0, 40))}, this version writes ${format}`);
  for await (const _ of level.keys({ limit: 1 })) throw new PangeaError('STORE_FOREIGN', `graph store ${directory}: this is another program's database`);
  await commit(level, [{ type: 'put', key: formatKey, value: format }]);
}

/**
 * Numbers the batches. LevelDB leaves out damaged records of its log without a word when it opens; a number that is
 * missing between others tells of it. Each batch holds its number, in a ring that is longer than the log.
 */
export class Sequence {
  #last: number;

  private constructor(last: number) {
    this.#last = last;
  }

  /** Fails with STORE_CORRUPT where a batch is gone. */
  static async open(directory: string, level: Level): Promise<Sequence> {
    const found: number[] = [];
    for await (const page of pages(level, ringSpan)) for (const [, value] of page) found.push(value.length === sequenceBytes ? value.readUIntBE(0, sequenceBytes) : -1);
    const last = found.reduce((a, b) => Math.max(a, b), -1);
    const there = new Set(found);
    for (let number = Math.max(0, last - ringSlots + 1); number <= last; number++) {
      if (!there.has(number)) throw new PangeaError('STORE_CORRUPT', `graph store ${directory}: batch ${number} of ${last} was damaged and is gone; restore a backup, or export what is left and import it into a new store`);
    }
    return new Sequence(last);
  }

  /** The number of the next batch, to be written in it. */
  next(): Put {
    const number = this.#last + 1;
    const value = Buffer.allocUnsafe(sequenceBytes);
    value.writeUIntBE(number, 0, sequenceBytes);
    return { type: 'put', key: ringKey(number % ringSlots), value };
  }

  committed(): void {
    this.#last++;
  }
}

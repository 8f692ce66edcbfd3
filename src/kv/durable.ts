/** LevelDB on disk, every write synced before it settles. Chosen by the table in `docs/internals/kv.md`. */
import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { type ErrorCode, PangeaError } from '../errors/errors.ts';
import { utf8 } from '../std/std.ts';
import type { KeyValueStore, KvOperation } from './kv.ts';

/**
 * Opens the store of a directory, or makes it, readable by its owner alone.
 * Fails with `STORE_LOCKED` where another process has it open, `STORE_CORRUPT`, `STORE_READ_ONLY`, `STORE_FULL` or `STORE_IO`.
 */
export async function openDurableKv(directory: string): Promise<KeyValueStore> {
  const level: Level = new ClassicLevel(directory, { keyEncoding: 'utf8', valueEncoding: 'view' });
  await translated(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await level.open();
  });
  return new DurableKv(directory, level);
}

type Level = ClassicLevel<string, Uint8Array>;

class DurableKv implements KeyValueStore {
  readonly name = 'leveldb';
  readonly #directory: string;
  readonly #level: Level;

  constructor(directory: string, level: Level) {
    this.#directory = directory;
    this.#level = level;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return translated(this.#directory, () => this.#level.get(key));
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return this.batch([{ type: 'put', key, value }]);
  }

  delete(key: string): Promise<void> {
    return this.batch([{ type: 'delete', key }]);
  }

  batch(operations: readonly KvOperation[]): Promise<void> {
    const changes = operations.map((operation) =>
      operation.type === 'put'
        ? { type: 'put' as const, key: operation.key, value: operation.value }
        : { type: 'del' as const, key: operation.key },
    );
    return translated(this.#directory, () => this.#level.batch(changes, { sync: true }));
  }

  async *entries(prefix: string, options: { after?: string; limit?: number } = {}): AsyncIterable<readonly [string, Uint8Array]> {
    const first = utf8(prefix);
    const end = behind(first);
    const after = options.after === undefined ? undefined : utf8(options.after);
    const iterator = await translated(this.#directory, async () =>
      this.#level.iterator<Uint8Array, Uint8Array>({
        keyEncoding: 'view',
        ...(after && Buffer.compare(after, first) >= 0 ? { gt: after } : { gte: first }),
        ...(end && { lt: end }),
        ...(options.limit !== undefined && { limit: options.limit }),
      }),
    );
    try {
      for (;;) {
        const entry = await translated(this.#directory, () => iterator.next());
        if (entry === undefined) return;
        yield [Buffer.from(entry[0]).toString(), entry[1]];
      }
    } finally {
      await iterator.close();
    }
  }

  close(): Promise<void> {
    return translated(this.#directory, () => this.#level.close());
  }
}

/** The first bytes behind every key that begins with `prefix`, or none when there is no such. */
function behind(prefix: Uint8Array): Uint8Array | undefined {
  const last = prefix.findLastIndex((byte) => byte < 0xff);
  if (last < 0) return undefined;
  const end = prefix.slice(0, last + 1);
  end[last] = (end[last] as number) + 1;
  return end;
}

const codes: Readonly<Record<string, ErrorCode>> = {
  LEVEL_LOCKED: 'STORE_LOCKED', LEVEL_CORRUPTION: 'STORE_CORRUPT', LEVEL_DATABASE_NOT_OPEN: 'STORE_CLOSED',
  LEVEL_ITERATOR_NOT_OPEN: 'STORE_CLOSED', EROFS: 'STORE_READ_ONLY', EACCES: 'STORE_READ_ONLY', ENOSPC: 'STORE_FULL',
};

async function translated<T>(directory: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw levelError(`key-value store ${directory}`, error);
  }
}

/** What LevelDB or its file system said, as one of our codes. */
export function levelError(what: string, error: unknown): PangeaError {
  if (error instanceof PangeaError) return error;
  const cause = (error as Error).cause ?? error;
  const { code, message } = cause as Error & { code?: string };
  return new PangeaError(codes[code ?? ''] ?? textCode(message), `${what}: ${message}`, { cause: error });
}

/** LevelDB passes the operating system's errors on as text alone. */
function textCode(message: string): ErrorCode {
  if (/no space left|quota exceeded/i.test(message)) return 'STORE_FULL';
  if (/read-only file system|permission denied/i.test(message)) return 'STORE_READ_ONLY';
  return 'STORE_IO';
}

/** The portable shard store: the volumes of `schema/volume.md` over node:fs, no addon needed. */
import { statfsSync } from 'node:fs';
import { type Body, bodyFrom } from '../../body/body.ts';
import { PangeaError } from '../../errors/errors.ts';
import { equalBytes } from '../../std/std.ts';
import type { Durability, RecordInfo, RecordKey, RecordKind, ShardStore, StoreOptions, StoreRecord, StoreUsage } from '../store.ts';
import { Appender, type NewRecord } from './node-fs/appender.ts';
import { blake3 } from './node-fs/blake3.ts';
import { diskError } from './node-fs/disk-error.ts';
import { type Home, openHome } from './node-fs/home.ts';
import { loadIndex } from './node-fs/load.ts';
import { maxPayloadBytes, recordHeaderBytes } from './node-fs/record.ts';
import type { Entry, ShardIndex } from './node-fs/shard-index.ts';
import type { OpenVolumeFile } from './node-fs/volume.ts';

const defaultVolumeBytes = 1024 * 1024 * 1024;
/** Bytes hashed in one go before other events get their turn: about 2 ms. */
const hashTurnBytes = 8 * 1024 * 1024;
/** Payload bytes that compaction moves at once: bounds memory, and how long a put waits behind it. */
const compactStepBytes = 8 * 1024 * 1024;

export async function openNodeFsStore(options: StoreOptions, openFile?: OpenVolumeFile): Promise<ShardStore> {
  const volumeBytes = options.volumeBytes ?? defaultVolumeBytes;
  const home = await openHome(options.directory, options.create, options.owner);
  try {
    const loaded = await loadIndex(home, volumeBytes, openFile);
    for (const line of loaded.damage) options.onDamage?.(line);
    const appender = new Appender(home, loaded, { volumeBytes, quotaBytes: options.quotaBytes, openFile });
    await appender.makeReserve();
    return new NodeFsStore(home, loaded.index, appender, options.quotaBytes);
  } catch (error) {
    home.unlock();
    throw error;
  }
}

class NodeFsStore implements ShardStore {
  readonly name = 'node-fs';
  readonly #home: Home;
  readonly #index: ShardIndex;
  readonly #appender: Appender;
  readonly #quotaBytes: number;
  /** Puts are submitted in the order of their calls, however long each is hashed. */
  #verified: Promise<unknown> = Promise.resolve();
  #compaction: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(home: Home, index: ShardIndex, appender: Appender, quotaBytes: number | undefined) {
    this.#home = home;
    this.#index = index;
    this.#appender = appender;
    this.#quotaBytes = quotaBytes ?? Number.MAX_SAFE_INTEGER;
  }

  async put(records: readonly StoreRecord[], durability: Durability): Promise<void> {
    this.#alive();
    // Taken before the first await: the caller may release its bodies once the promise has been returned.
    const taken = records.map(({ key, identity, payload }) => {
      return { key: ownKey(key), identity: ownBytes(identity), payload: payload.bytes() };
    });
    await this.#inOrder(async () => {
      await verify(taken);
      return { settled: this.#appender.submit({ type: 'put', records: taken, fsync: durability === 'fsync' }) };
    });
  }

  async get(key: RecordKey, range?: { readonly offset: number; readonly length: number }): Promise<Body | undefined> {
    this.#alive();
    const entry = this.#index.live(key);
    const file = entry && this.#index.volumes.get(entry.volume)?.file;
    if (entry === undefined || file === undefined) return undefined;
    const offset = range?.offset ?? 0;
    if (offset > entry.length) {
      throw new PangeaError('INTERNAL', `offset ${offset} is behind the ${entry.length} bytes of the record`);
    }
    const length = Math.min(range?.length ?? entry.length, entry.length - offset);
    const bytes = await file.read(entry.offset + recordHeaderBytes + offset, length);
    if (length === entry.length && !equalBytes(blake3(bytes), entry.identity)) {
      throw new PangeaError('CORRUPT', `volume ${entry.volume}: the record at ${entry.offset} does not match its identity`);
    }
    return bodyFrom(bytes);
  }

  stat(key: RecordKey): RecordInfo | undefined {
    this.#alive();
    const entry = this.#index.live(key);
    return entry && infoOf(entry);
  }

  records(object: Uint8Array): readonly RecordInfo[] {
    this.#alive();
    return this.#index.recordsOf(object).map(infoOf);
  }

  objects(kind: RecordKind): readonly Uint8Array[] {
    this.#alive();
    return this.#index.objectsOf(kind);
  }

  async remove(keys: readonly RecordKey[]): Promise<void> {
    this.#alive();
    const taken = keys.map(ownKey);
    await this.#inOrder(async () => ({ settled: this.#appender.submit({ type: 'remove', keys: taken }) }));
  }

  async sync(): Promise<void> {
    this.#alive();
    await this.#inOrder(async () => ({ settled: this.#appender.submit({ type: 'sync' }) }));
  }

  compact(): Promise<number> {
    const turn = this.#compaction.then(async () => {
      this.#alive();
      const before = this.#index.totalBytes;
      const candidates = [...this.#index.volumes.keys()].filter((number) => this.#index.isMostlyGarbage(number));
      const last = [...this.#index.volumes.keys()].at(-1);
      if (last !== undefined && candidates.includes(last)) await this.#appender.submit({ type: 'seal' });
      for (const number of candidates) if (!this.#closed) await this.#compactVolume(number);
      return Math.max(0, before - this.#index.totalBytes);
    });
    this.#compaction = turn.catch(() => undefined);
    return turn;
  }

  usage(): StoreUsage {
    this.#alive();
    const { liveBytes, totalBytes, records, volumes } = this.#index;
    const free = Math.min(diskFreeBytes(this.#home.directory), Math.max(0, this.#quotaBytes - totalBytes));
    return { liveBytes, garbageBytes: totalBytes - liveBytes, records, volumes: volumes.size, freeBytes: free };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#verified;
    await this.#compaction;
    await this.#appender.close();
    for (const { file } of this.#index.volumes.values()) await file.retire();
    this.#home.unlock();
  }

  #alive(): void {
    if (this.#closed) throw new PangeaError('STORE_CLOSED', 'the shard store is closed');
  }

  async #inOrder(submit: () => Promise<{ readonly settled: Promise<void> }>): Promise<void> {
    const submitted = this.#verified.then(submit);
    this.#verified = submitted.catch(() => undefined);
    await (await submitted).settled;
  }

  /** Moves what is live in a volume to the end and removes it. A damaged payload moves as it is: reading it keeps saying `CORRUPT`. */
  async #compactVolume(number: number): Promise<void> {
    const file = this.#index.volumes.get(number)?.file;
    if (file === undefined) return;
    const lowest = this.#index.isLowest(number);
    const entries = this.#index.entriesOf(number).filter((entry) => !(entry.removal && lowest));
    let step: { entry: Entry; payload: Uint8Array }[] = [];
    let bytes = 0;
    for (const entry of entries) {
      step.push({ entry, payload: await file.read(entry.offset + recordHeaderBytes, entry.length) });
      bytes += entry.length + recordHeaderBytes;
      if (bytes < compactStepBytes) continue;
      await this.#appender.submit({ type: 'copy', records: step });
      step = [];
      bytes = 0;
    }
    await this.#appender.submit({ type: 'copy', records: step });
    await this.#appender.submit({ type: 'reclaim', volume: number });
  }
}

async function verify(records: readonly NewRecord[]): Promise<void> {
  let bytes = 0;
  for (const { key, identity, payload } of records) {
    if (payload.length > maxPayloadBytes) {
      throw new PangeaError('TOO_LARGE', `a record of ${payload.length} bytes is above the ${maxPayloadBytes} allowed`);
    }
    if (!equalBytes(blake3(payload), identity)) {
      throw new PangeaError('SHARD_MISMATCH', `stripe ${key.stripe} row ${key.row}: the bytes do not match the identity`);
    }
    bytes += payload.length;
    if (bytes < hashTurnBytes) continue;
    bytes = 0;
    await new Promise(setImmediate);
  }
}

/** A copy that the caller cannot change any more. */
function ownKey({ object, kind, stripe, row }: RecordKey): RecordKey {
  return { object: ownBytes(object), kind, stripe, row };
}

function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== 32) throw new PangeaError('INTERNAL', `an object id or identity has 32 bytes, not ${bytes.length}`);
  return new Uint8Array(bytes);
}

function infoOf({ key, identity, length }: Entry): RecordInfo {
  return { key, identity, byteLength: length };
}

function diskFreeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch (error) {
    throw diskError('statfs', directory, error);
  }
}

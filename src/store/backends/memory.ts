/**
 * The shard store without a disk: a real implementation of the contract for tests and the simulation.
 *
 * It keeps the distinction that matters: what was appended and what a power loss leaves. Appends go to a log;
 * a sync moves the log's prefix to the "platter"; `crash` gives a new store over the platter, and the old one
 * never settles anything again, as a killed process would not.
 */
import { bodyFrom, type Body } from '../../body/body.ts';
import { PangeaError } from '../../errors/errors.ts';
import { equalBytes, toHex, type Clock, type Random } from '../../std/std.ts';
import type { Durability, RecordInfo, RecordKey, RecordKind, ShardStore, StoreRecord, StoreUsage } from '../store.ts';
import { blake3 } from './node-fs/blake3.ts';

/** What a record costs beside its payload, as in a volume. */
const headerBytes = 128;

export interface MemoryStoreOptions {
  /** Upper bound for live and garbage bytes together. Default: none. */
  readonly quotaBytes?: number;
  /** With `syncMs`: every sync takes this long on the clock, so that crashes fall into the middle of it. */
  readonly clock?: Clock;
  readonly syncMs?: number;
}

interface Stored extends RecordInfo {
  readonly bytes: Uint8Array;
}
type LogEntry = { readonly put: Stored } | { readonly remove: string };

export class MemoryStore implements ShardStore {
  readonly name = 'memory';
  readonly #options: MemoryStoreOptions;
  /** What survives a power loss. */
  readonly #platter: Map<string, Stored>;
  /** What reads see: the platter and the log. By object first, since `records` must not scan the store. */
  readonly #index = new Map<string, Map<string, Stored>>();
  #log: LogEntry[] = [];
  /** Log entries that were synced since the store was opened; `#log[0]` has this number. */
  #synced = 0;
  #quotaBytes: number;
  #liveBytes = 0;
  #garbageBytes = 0;
  #records = 0;
  #state: 'open' | 'closed' | 'crashed' = 'open';

  constructor(options: MemoryStoreOptions = {}, platter = new Map<string, Stored>()) {
    this.#options = options;
    this.#quotaBytes = options.quotaBytes ?? Number.MAX_SAFE_INTEGER;
    this.#platter = platter;
    for (const stored of platter.values()) this.#insert(stored);
  }

  async put(records: readonly StoreRecord[], durability: Durability): Promise<void> {
    // Before the first wait: the caller may release the bodies as soon as this returned its promise.
    const payloads = records.map(({ payload }) => payload.bytes().slice());
    await this.#alive();
    for (const [index, record] of records.entries()) {
      const bytes = payloads[index] as Uint8Array;
      if (!equalBytes(blake3(bytes), record.identity)) {
        throw new PangeaError('SHARD_MISMATCH', `the payload of row ${record.key.row} is not what its identity says`);
      }
      const key = { ...record.key, object: record.key.object.slice() };
      this.#reserve(bytes.length + headerBytes);
      this.#append({ put: { key, identity: record.identity.slice(), byteLength: bytes.length, bytes } });
    }
    if (durability === 'fsync') await this.sync();
  }

  async get(key: RecordKey, range?: { readonly offset: number; readonly length: number }): Promise<Body | undefined> {
    await this.#alive();
    const stored = this.#find(key);
    if (stored === undefined) return undefined;
    const offset = range?.offset ?? 0;
    const end = Math.min(offset + (range?.length ?? stored.byteLength), stored.byteLength);
    if (offset > end) throw new PangeaError('INTERNAL', `offset ${offset} is behind the ${stored.byteLength} bytes of the record`);
    if (end - offset === stored.byteLength && !equalBytes(blake3(stored.bytes), stored.identity)) {
      throw new PangeaError('CORRUPT', `the stored bytes of row ${key.row} do not match their identity`);
    }
    return bodyFrom(stored.bytes.subarray(offset, end));
  }

  stat(key: RecordKey): RecordInfo | undefined {
    return infoOf(this.#find(key));
  }

  records(object: Uint8Array): readonly RecordInfo[] {
    return [...(this.#index.get(toHex(object))?.values() ?? [])].map((stored) => infoOf(stored) as RecordInfo);
  }

  objects(kind: RecordKind): readonly Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const records of this.#index.values()) {
      for (const stored of records.values()) {
        if (stored.key.kind !== kind) continue;
        found.push(stored.key.object);
        break;
      }
    }
    return found;
  }

  async remove(keys: readonly RecordKey[]): Promise<void> {
    await this.#alive();
    for (const key of keys) if (this.#find(key) !== undefined) this.#append({ remove: keyText(key) });
    await this.sync();
  }

  async sync(): Promise<void> {
    await this.#alive();
    const end = this.#synced + this.#log.length;
    const { clock, syncMs } = this.#options;
    if (clock !== undefined && syncMs !== undefined && this.#log.length > 0) {
      await clock.sleep(syncMs);
      await this.#alive();
    }
    this.#settle(end - this.#synced);
  }

  async compact(): Promise<number> {
    await this.#alive();
    const reclaimed = this.#garbageBytes;
    this.#garbageBytes = 0;
    return reclaimed;
  }

  usage(): StoreUsage {
    return {
      liveBytes: this.#liveBytes,
      garbageBytes: this.#garbageBytes,
      records: this.#records,
      volumes: this.#records > 0 ? 1 : 0,
      freeBytes: Math.max(0, this.#quotaBytes - this.#liveBytes - this.#garbageBytes),
    };
  }

  async close(): Promise<void> {
    if (this.#state === 'crashed') return never();
    if (this.#state === 'closed') return;
    this.#settle(this.#log.length);
    this.#state = 'closed';
  }

  /**
   * Kill −9 with power loss: a new store over what was synced. With `random`, a random prefix of what was
   * not synced is there too, since an operating system may have written it.
   */
  crash(random?: Random): MemoryStore {
    this.#settle(random === undefined ? 0 : random.integer(this.#log.length + 1));
    this.#state = 'crashed';
    return new MemoryStore({ ...this.#options, quotaBytes: this.#quotaBytes }, this.#platter);
  }

  /** Flips one byte of a record on the platter and in the index, for good. False when it isn't there or is empty. */
  damage(key: RecordKey): boolean {
    const stored = this.#find(key);
    if (stored === undefined || stored.byteLength === 0) return false;
    const middle = stored.byteLength >> 1;
    stored.bytes[middle] = (stored.bytes[middle] as number) ^ 0xff;
    return true;
  }

  /** A disk that fills or is freed by others: puts beyond it fail with `STORE_FULL`. */
  setQuota(quotaBytes: number): void {
    this.#quotaBytes = quotaBytes;
  }

  /** True when a crash now would leave this record as reads see it. */
  isDurable(key: RecordKey): boolean {
    const stored = this.#find(key);
    return stored !== undefined && this.#platter.get(keyText(key)) === stored;
  }

  /** The bytes as they lie there, unverified: for those who look at a machine from outside. */
  peek(key: RecordKey): Uint8Array | undefined {
    return this.#find(key)?.bytes;
  }

  /** Entries that a crash now would lose. */
  unsynced(): number {
    return this.#log.length;
  }

  #alive(): Promise<void> {
    if (this.#state === 'crashed') return never();
    if (this.#state === 'closed') return Promise.reject(new PangeaError('STORE_CLOSED', 'the shard store is closed'));
    return Promise.resolve();
  }

  #reserve(bytes: number): void {
    if (this.#liveBytes + this.#garbageBytes + bytes <= this.#quotaBytes) return;
    this.#garbageBytes = 0;
    if (this.#liveBytes + bytes <= this.#quotaBytes) return;
    throw new PangeaError('STORE_FULL', `no room for ${bytes} bytes in a quota of ${this.#quotaBytes}`);
  }

  #append(entry: LogEntry): void {
    this.#log.push(entry);
    if ('put' in entry) this.#insert(entry.put);
    else this.#delete(entry.remove);
  }

  #settle(entries: number): void {
    for (const entry of this.#log.splice(0, Math.max(0, entries))) {
      if ('put' in entry) this.#platter.set(keyText(entry.put.key), entry.put);
      else this.#platter.delete(entry.remove);
      this.#synced++;
    }
  }

  #find(key: RecordKey): Stored | undefined {
    return this.#index.get(toHex(key.object))?.get(keyText(key));
  }

  #insert(stored: Stored): void {
    const text = keyText(stored.key);
    this.#delete(text);
    const object = toHex(stored.key.object);
    let records = this.#index.get(object);
    if (records === undefined) this.#index.set(object, (records = new Map()));
    records.set(text, stored);
    this.#records++;
    this.#liveBytes += stored.byteLength + headerBytes;
  }

  #delete(text: string): void {
    const object = text.slice(0, 64);
    const records = this.#index.get(object);
    const stored = records?.get(text);
    if (records === undefined || stored === undefined) return;
    records.delete(text);
    if (records.size === 0) this.#index.delete(object);
    this.#records--;
    this.#liveBytes -= stored.byteLength + headerBytes;
    this.#garbageBytes += stored.byteLength + headerBytes;
  }
}

function keyText(key: RecordKey): string {
  return `${toHex(key.object)}/${key.kind}/${key.stripe}/${key.row}`;
}

function infoOf(stored: Stored | undefined): RecordInfo | undefined {
  return stored && { key: stored.key, identity: stored.identity, byteLength: stored.byteLength };
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

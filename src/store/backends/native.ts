/** The shard store of the addon: payloads stay in native memory, keys and index answers cross as packed bytes. */
import { type Body, nativeBody } from '../../body/body.ts';
import { PangeaError, asPangeaError } from '../../errors/errors.ts';
import type { Native } from '../../native/native.ts';
import type { Durability, RecordInfo, RecordKey, RecordKind, ShardStore, StoreOptions, StoreRecord, StoreUsage } from '../store.ts';

type NativeStore = InstanceType<Native['NativeStore']>;

// The packed layouts of `native/addon/src/store.rs`.
const keyBytes = 40;
const putBytes = 72;
const infoBytes = 44;

export async function openNativeStore(native: Native, options: StoreOptions): Promise<ShardStore> {
  const { directory, create, owner, volumeBytes, quotaBytes } = options;
  const store = await rejected(() => native.openNativeStore({
    directory, create, owner, ...(volumeBytes !== undefined && { volumeBytes }), ...(quotaBytes !== undefined && { quotaBytes }),
  }));
  for (const line of store.damage()) options.onDamage?.(line);
  return new NativeShardStore(native, store);
}

class NativeShardStore implements ShardStore {
  readonly name = 'native';
  readonly #native: Native;
  readonly #store: NativeStore;

  constructor(native: Native, store: NativeStore) {
    this.#native = native;
    this.#store = store;
  }

  put(records: readonly StoreRecord[], durability: Durability): Promise<void> {
    return rejected(() => {
      const entries = Buffer.alloc(records.length * putBytes);
      records.forEach((record, index) => {
        packKey(entries, index * putBytes, record.key);
        if (record.identity.length !== 32) throw new PangeaError('INTERNAL', 'an identity has 32 bytes');
        entries.set(record.identity, index * putBytes + keyBytes);
      });
      const payloads = records.map((record) => nativeBody(this.#native, record.payload));
      const done = this.#store.put(entries, payloads, durability === 'fsync');
      // Wrappers made here go at once; what the caller gave stays the caller's.
      payloads.forEach((payload, index) => payload !== records[index]?.payload && payload.release());
      return done;
    });
  }

  async get(key: RecordKey, range?: { readonly offset: number; readonly length: number }): Promise<Body | undefined> {
    return (await rejected(() => this.#store.get(packed(key), range?.offset, range?.length))) ?? undefined;
  }

  stat(key: RecordKey): RecordInfo | undefined {
    const found = thrown(() => this.#store.stat(packed(key)));
    return found ? { key, identity: found.subarray(0, 32), byteLength: found.readUInt32LE(32) } : undefined;
  }

  records(object: Uint8Array): readonly RecordInfo[] {
    const found = thrown(() => this.#store.records(object));
    return Array.from({ length: found.length / infoBytes }, (_, index) => {
      const at = index * infoBytes;
      const key = {
        object, kind: found[at + 42] as RecordKind, stripe: found.readUInt32LE(at + 36), row: found.readUInt16LE(at + 40),
      };
      return { key, identity: found.subarray(at, at + 32), byteLength: found.readUInt32LE(at + 32) };
    });
  }

  objects(kind: RecordKind): readonly Uint8Array[] {
    const found = thrown(() => this.#store.objects(kind));
    return Array.from({ length: found.length / 32 }, (_, index) => found.subarray(index * 32, index * 32 + 32));
  }

  remove(keys: readonly RecordKey[]): Promise<void> {
    return rejected(() => {
      const bytes = Buffer.alloc(keys.length * keyBytes);
      keys.forEach((key, index) => packKey(bytes, index * keyBytes, key));
      return this.#store.remove(bytes);
    });
  }

  sync(): Promise<void> {
    return rejected(() => this.#store.sync());
  }

  compact(): Promise<number> {
    return rejected(() => this.#store.compact());
  }

  usage(): StoreUsage {
    return thrown(() => this.#store.usage());
  }

  close(): Promise<void> {
    return rejected(() => this.#store.close());
  }
}

function packed(key: RecordKey): Buffer {
  const bytes = Buffer.alloc(keyBytes);
  packKey(bytes, 0, key);
  return bytes;
}

function packKey(target: Buffer, at: number, key: RecordKey): void {
  if (key.object.length !== 32) throw new PangeaError('INTERNAL', `an object id has 32 bytes, not ${key.object.length}`);
  target.set(key.object, at);
  target.writeUInt32LE(key.stripe, at + 32);
  target.writeUInt16LE(key.row, at + 36);
  target.writeUInt8(key.kind, at + 38);
}

function thrown<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asPangeaError(error, 'STORE_IO');
  }
}

async function rejected<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asPangeaError(error, 'STORE_IO');
  }
}

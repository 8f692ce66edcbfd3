/** What lies in the data directory: identity, owner, key-value store, shard store, membership. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Forced } from '../capabilities/capabilities.ts';
import type { Codec } from '../codec/codec.ts';
import type { NodeConfig } from '../config/config.ts';
import { isNodeRunning } from '../control/control.ts';
import { PangeaError } from '../errors/errors.ts';
import {
  createIdentity, createOwnerKeys, loadIdentity, loadMembership, loadOwnerKeys,
  type Membership, type NodeIdentity, type OwnerKeys,
} from '../identity/identity.ts';
import { openDurableKv, type KeyValueStore } from '../kv/kv.ts';
import type { NativeLoad } from '../native/native.ts';
import { openNativeStore, openNodeFsStore, type ShardStore } from '../store/store.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { nativeOf, wantsNative } from './paths.ts';

export interface Disk {
  readonly identity: NodeIdentity;
  readonly owner: OwnerKeys;
  readonly kv: KeyValueStore;
  readonly store: ShardStore;
  readonly membership: Membership | undefined;
  close(): Promise<void>;
}

export interface DiskOptions {
  readonly config: NodeConfig;
  readonly codec: Codec;
  readonly native: NativeLoad;
  readonly forced: Forced;
  readonly logger: Logger;
}

export const storeDirectory = (dataDir: string): string => join(dataDir, 'store');
const kvDirectory = (dataDir: string): string => join(dataDir, 'kv');

/** Creates the data directory on the first start of all. A directory that has an identity but no store has lost it: an error. */
export async function openDisk(options: DiskOptions): Promise<Disk> {
  const { config, codec, logger } = options;
  const { dataDir } = config;
  if (await isNodeRunning(dataDir)) throw new PangeaError('NODE_ALREADY_RUNNING', `a node is already running on ${dataDir}`);
  await makeDataDirectory(dataDir);
  const deriveKey = (context: string, material: Uint8Array): Uint8Array => codec.deriveKey(context, material);
  const known = await loadIdentity(dataDir);
  const identity = known ?? (await createIdentity(dataDir));
  const owner = (await loadOwnerKeys(dataDir, deriveKey)) ?? (await createOwnerKeys(dataDir, deriveKey));
  const kv = await openDurableKv(kvDirectory(dataDir));
  try {
    // The store was made once this flag is set; from then on a missing directory is an unmounted disk, not a fresh store.
    const create = (await kv.get('store/created')) === undefined;
    const store = await openStore(options, identity.peerId, create);
    try {
      if (create) await kv.put('store/created', Uint8Array.of(1));
      const membership = await loadMembership({ directory: dataDir, identity, owner, storage: kv });
      if (!known) logger.info({ peer: identity.peerId }, 'a new identity was created');
      return {
        identity, owner, kv, store, membership,
        close: async () => {
          await store.close();
          await kv.close();
        },
      };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    await kv.close();
    throw error;
  }
}

export async function makeDataDirectory(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const readOnly = code === 'EROFS' || code === 'EACCES' || code === 'EPERM';
    throw new PangeaError(readOnly ? 'STORE_READ_ONLY' : 'STORE_IO', `the data directory ${dataDir} cannot be made: ${(error as Error).message}`, { cause: error });
  }
}

function openStore({ config, native, forced, logger }: DiskOptions, owner: string, create: boolean): Promise<ShardStore> {
  const options = {
    directory: storeDirectory(config.dataDir), create, owner,
    ...(config.quota === undefined ? {} : { quotaBytes: config.quota }),
    onDamage: (line: string) => logger.error({ damage: line }, 'the shard store found damage and serves the rest'),
  };
  return wantsNative('store', forced, native) ? openNativeStore(nativeOf(native), options) : openNodeFsStore(options);
}

/** Where the configuration wants the graph kept. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../config/config.ts';
import { PangeaError } from '../errors/errors.ts';
import { MemoryStore, objectLargeValues, openDurableStore, openS3Store, parseS3Url, withLargeValues, type GraphStore } from '../graph/graph.ts';
import type { KeyValueStore } from '../kv/kv.ts';
import type { Objects } from '../objects/objects.ts';
import { systemClock, systemRandom } from '../std/std.ts';
import { bucketKeys } from './graph-credentials.ts';

export const graphDirectory = (dataDir: string): string => join(dataDir, 'graph');
/** Set once the directory was made: from then on a missing one is an unmounted disk, not a fresh graph. */
const createdKey = 'graph/created';

export interface GraphStoreParts {
  readonly config: NodeConfig;
  /** Also keeps the ledger of large values. */
  readonly kv: KeyValueStore;
  readonly objects: Objects;
}

/** Throws `STORE_MISSING`, `CONFIG_INVALID`, and what the store has against its directory or bucket. */
export async function openGraphStore(parts: GraphStoreParts): Promise<GraphStore> {
  const { config: { graphLargeValue }, kv, objects } = parts;
  const store = await openKept(parts);
  if (graphLargeValue === 0) return store;
  try {
    return await withLargeValues(store, objectLargeValues(objects), kv, { thresholdBytes: graphLargeValue });
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openKept({ config, kv }: GraphStoreParts): Promise<GraphStore> {
  if (config.graphStore === 'memory') return new MemoryStore();
  if (config.graphStore === 'disk') return openOnDisk(graphDirectory(config.dataDir), kv);
  const keys = await bucketKeys(config.graphS3Credentials, process.env);
  return openS3Store(parseS3Url(config.graphStore), keys, { clock: systemClock, random: systemRandom });
}

async function openOnDisk(directory: string, kv: KeyValueStore): Promise<GraphStore> {
  const isKnown = (await kv.get(createdKey)) !== undefined;
  if (isKnown && !(await access(directory).then(() => true, () => false))) {
    throw new PangeaError('STORE_MISSING', `the graph of this node was in ${directory}, which is gone: mount or restore it, or give the node another data directory`);
  }
  const store = await openDurableStore(directory);
  if (!isKnown) await kv.put(createdKey, Uint8Array.of(1));
  return store;
}

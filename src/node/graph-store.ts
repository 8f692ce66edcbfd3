/** Where the configuration wants the graph kept. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../config/config.ts';
import { PangeaError } from '../errors/errors.ts';
import { MemoryStore, objectLargeValues, openDurableStore, withLargeValues, type GraphStore } from '../graph/graph.ts';
import type { KeyValueStore } from '../kv/kv.ts';
import type { Objects } from '../objects/objects.ts';

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
  return openOnDisk(graphDirectory(config.dataDir), kv);
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

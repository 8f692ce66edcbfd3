/** Where the configuration wants the graph kept. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../config/config.ts';
import { PangeaError } from '../errors/errors.ts';
import { MemoryStore, openDurableStore, type GraphStore } from '../graph/graph.ts';
import type { KeyValueStore } from '../kv/kv.ts';

export const graphDirectory = (dataDir: string): string => join(dataDir, 'graph');
/** Set once the directory was made: from then on a missing one is an unmounted disk, not a fresh graph. */
const createdKey = 'graph/created';

/** Throws `STORE_MISSING`, `CONFIG_INVALID`, and what the store has against its directory or bucket. */
export async function openGraphStore({ config, kv }: { readonly config: NodeConfig; readonly kv: KeyValueStore }): Promise<GraphStore> {
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

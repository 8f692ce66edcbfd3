/** `Gun` for Node: keeps its graph in a folder (`file`, default `radata`), and serves it when it is given an HTTP server (`web`). */
import type { Server } from 'node:http';
import { resolve } from 'node:path';
import { systemClock } from '../../std/std.ts';
import { openDurableStore } from '../storage/durable.ts';
import type { GraphStore } from '../storage/storage.ts';
import { nodeSocket } from '../wire/node-socket.ts';
import { attachGraph } from '../wire/server.ts';
import { createGun, wantsStore, type GunFunction } from './gun.ts';
import { LazyStore } from './lazy-store.ts';

/** Graphs of one process that name the same folder share its store, as gun.js's do. */
const stores = new Map<string, GraphStore>();

/** Two folders beside each other: gun.js's own files are of another format and are left alone. */
function storeAt(file: string): GraphStore {
  const directory = resolve(`${file}.graph`);
  const known = stores.get(directory);
  if (known) return known;
  const store = new LazyStore(openDurableStore(directory), 'disk', 'leveldb');
  stores.set(directory, store);
  return store;
}

export const Gun: GunFunction = createGun({
  open: (options) => ({
    socket: nodeSocket(),
    relay: options.web !== undefined,
    ...(wantsStore(options, false) ? { store: storeAt(typeof options.file === 'string' ? options.file : 'radata') } : {}),
  }),
  opened: ({ web }, { peer }) => {
    if (isServer(web)) attachGraph(web, { mesh: peer.mesh, clock: systemClock });
  },
});

export default Gun;

/** Closes the stores of all graphs of this process, after the graphs themselves. */
export async function closeStores(): Promise<void> {
  await Promise.all([...stores].map(async ([directory, store]) => {
    stores.delete(directory);
    await store.close();
  }));
}

function isServer(x: unknown): x is Server {
  return typeof x === 'object' && x !== null && 'listen' in x && 'on' in x;
}

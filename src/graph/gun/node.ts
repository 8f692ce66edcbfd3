/** `Gun` for Node: keeps its graph in a folder (`file`, default `radata`), and serves it when it is given an HTTP server (`web`). */
import type { Server } from 'node:http';
import { resolve } from 'node:path';
import { systemClock } from '../../std/std.ts';
import { assemble, openGround, type OpenOptions } from '../open.ts';
import { createReconciler } from '../reconcile/create.ts';
import { openDurableStore } from '../storage/durable.ts';
import { nodeSocket } from '../wire/node-socket.ts';
import { attachGraph } from '../wire/server.ts';
import { Folders } from './folders.ts';
import { createGun, wantsStore, type GunFunction } from './gun.ts';
import { LazyStore } from './lazy-store.ts';

const folders = new Folders((directory) => new LazyStore(openDurableStore(directory), 'disk', 'leveldb'));

export const Gun: GunFunction = createGun({
  open: (options, base) => {
    const all: OpenOptions = { ...base, socket: nodeSocket(), ...(options.web === undefined ? {} : { relay: true, reconcile: createReconciler({ clock: systemClock }) }) };
    // Beside the folder of that name: gun.js's own files are of another format and are left alone.
    const folder = resolve(`${typeof options.file === 'string' ? options.file : 'radata'}.graph`);
    const parts = wantsStore(options, false) ? folders.open(folder, all) : assemble(openGround(all), all);
    if (!isServer(options.web)) return parts;
    const served = attachGraph(options.web, { mesh: parts.peer.mesh, clock: systemClock });
    return {
      ...parts,
      close: async () => {
        await served.close();
        await parts.close();
      },
    };
  },
});

export default Gun;

function isServer(x: unknown): x is Server {
  return typeof x === 'object' && x !== null && 'listen' in x && 'on' in x;
}

import { systemClock } from '../std/std.ts';
import { openGraph, type Graph, type OpenOptions } from './open.ts';
import { createReconciler } from './reconcile/create.ts';
import { openDurableStore } from './storage/durable.ts';
import { nodeSocket } from './wire/node-socket.ts';

export interface NodeOpenOptions extends OpenOptions {
  /** Directory to keep the graph in, made when it is not there. Without it, and without `store`: memory only. */
  readonly directory?: string;
}

/** A graph in a Node process: sockets that can be slowed down, and a store that survives the process. Throws what `openDurableStore` throws. */
export async function openNodeGraph<Schema = any>({ directory, ...options }: NodeOpenOptions = {}): Promise<Graph<Schema>> {
  const store = directory === undefined ? undefined : await openDurableStore(directory);
  try {
    return openGraph<Schema>({ socket: nodeSocket(), ...(options.relay ? { reconcile: createReconciler({ clock: options.clock ?? systemClock }) } : {}), ...(store ? { store, closeStore: true } : {}), ...options });
  } catch (error) {
    await store?.close();
    throw error;
  }
}

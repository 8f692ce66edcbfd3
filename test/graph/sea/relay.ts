/** A relay of ours on loopback, with or without a guard. */
import { systemClock, systemRandom } from '../../../src/std/std.ts';
import { createMesh } from '../../../src/graph/dam/create.ts';
import { createGraphPeer } from '../../../src/graph/peer/create.ts';
import type { GraphPeer } from '../../../src/graph/peer/peer.ts';
import { createGuard } from '../../../src/graph/sea/sea.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { openGraphServer } from '../../../src/graph/wire/server.ts';

export interface Relay {
  readonly url: string;
  readonly peer: GraphPeer;
  close(): Promise<void>;
}

export async function startRelay({ guarded = true }: { readonly guarded?: boolean } = {}): Promise<Relay> {
  const peer = createGraphPeer({
    store: new MemoryStore(), clock: systemClock, random: systemRandom,
    ...(guarded ? { guard: createGuard({ clock: systemClock }) } : {}),
    mesh: (handler, pid) => createMesh({ handler, clock: systemClock, random: systemRandom, pid, relay: true }),
  });
  const server = await openGraphServer({ mesh: peer.mesh, clock: systemClock, host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${server.address.port}/gun`,
    peer,
    close: async () => {
      await server.close();
      await peer.close();
    },
  };
}

/** Waits for something that other processes bring about. */
export async function until(done: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let left = 400; left > 0; left--) {
    if (await done()) return;
    await systemClock.sleep(25);
  }
  throw new Error(`never came: ${what}`);
}

/** A relay as the node runs it, on loopback, that can go away and come back under its address with what it had stored. */
import { createServer, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGraphPeer, createGuard, createMesh, openDurableStore, type GraphPeer } from '../../../src/graph/graph.ts';
import { attachGraph } from '../../../src/graph/wire/server.ts';
import { systemClock, systemRandom } from '../../../src/std/std.ts';

export interface Relay {
  readonly url: string;
  readonly peer: GraphPeer;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function openRelay(): Promise<Relay> {
  const directory = await mkdtemp(join(tmpdir(), 'pangea-graph-relay-'));
  let port = 0;
  const open = async (): Promise<Running> => {
    const running = await run(directory, port);
    port = running.port;
    return running;
  };
  let running: Running | undefined = await open();
  const stop = async (): Promise<void> => {
    await running?.close();
    running = undefined;
  };
  return {
    url: `http://127.0.0.1:${port}/gun`,
    get peer() {
      return (running as Running).peer;
    },
    stop,
    start: async () => {
      running ??= await open();
    },
    close: async () => {
      await stop();
      await rm(directory, { recursive: true });
    },
  };
}

interface Running {
  readonly peer: GraphPeer;
  readonly port: number;
  close(): Promise<void>;
}

async function run(directory: string, port: number): Promise<Running> {
  const clock = systemClock;
  const store = await openDurableStore(directory);
  const peer = createGraphPeer({
    store, clock, random: systemRandom, guard: createGuard({ clock }),
    mesh: (handler, pid) => createMesh({ handler, clock, random: systemRandom, pid, relay: true }),
  });
  const server: Server = createServer();
  const wires = attachGraph(server, { mesh: peer.mesh, clock });
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, '127.0.0.1', listening));
  return {
    peer,
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await wires.close();
      server.closeAllConnections();
      await closed;
      await peer.close();
      await store.close();
    },
  };
}

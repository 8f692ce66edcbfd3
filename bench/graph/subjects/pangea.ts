/** Ours in Node, put together as a program or a node does. Limits on the rate of one peer are lifted: the bench is one peer. */
import { createChain, type Chain } from '../../../src/graph/chain/chain.ts';
import { createMesh } from '../../../src/graph/dam/create.ts';
import { createGraphPeer } from '../../../src/graph/peer/create.ts';
import type { GraphPeer } from '../../../src/graph/peer/peer.ts';
import { openDurableStore } from '../../../src/graph/storage/durable.ts';
import { MemoryStore } from '../../../src/graph/storage/memory.ts';
import { keepConnected } from '../../../src/graph/wire/client.ts';
import { nodeSocket } from '../../../src/graph/wire/node-socket.ts';
import { openGraphServer } from '../../../src/graph/wire/server.ts';
import { systemClock as clock, systemRandom as random } from '../../../src/std/std.ts';
import type { Adapter } from './adapter.ts';
import { drive } from './drive.ts';

const unlimited = 1e9;

let peer: GraphPeer;
let chain: Chain;

const adapter: Adapter = {
  name: 'pangea',
  async open({ listen = false, peers = [], directory, node = listen }) {
    const store = directory === undefined ? new MemoryStore() : await openDurableStore(directory);
    const limits = { messagesPerSecond: unlimited, writesPerSecond: unlimited };
    peer = createGraphPeer({ store, clock, random, mesh: (handler, pid) => createMesh({ handler, clock, random, pid, relay: node, limits }) });
    chain = createChain(peer, { clock, random });
    for (const url of peers) keepConnected(url, peer.mesh, { clock, random, socket: nodeSocket() });
    if (!listen) return 0;
    const { address } = await openGraphServer({ host: '127.0.0.1', port: 0, mesh: peer.mesh, clock });
    return address.port;
  },
  raw(say) {
    const sink = peer.mesh.attach({ name: '127.0.0.1', dialled: false, send: say, buffered: () => 0, close: () => undefined });
    return (frame) => sink.text(frame);
  },
  put(soul, value, acked) {
    let told = false;
    chain.get(soul).put(value, acked && ((ack) => {
      if (!told) acked(ack.err === undefined);
      told = true;
    }));
  },
  putKey: (soul, key, value) => void chain.get(soul).get(key).put(value),
  once: (soul, key, found) => void (key === undefined ? chain.get(soul) : chain.get(soul).get(key)).once(found, { wait: 1 }),
  on: (soul, key, changed) => void (key === undefined ? chain.get(soul) : chain.get(soul).get(key)).on(changed),
  map: (soul, item) => void chain.get(soul).map().once((value: unknown, key: string) => item(key, value)),
  has: (soul, key) => peer.peek(soul)?.has(key) === true,
  peers: () => peer.mesh.peers().length,
  close: () => peer.close(),
};

drive(adapter);

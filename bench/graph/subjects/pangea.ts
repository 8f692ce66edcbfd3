/** Ours in Node. Limits on the rate of one peer are lifted: the bench is one peer. */
import type { Adapter } from './adapter.ts';
import { drive } from './drive.ts';
import { openPangea, type Pangea } from './open-pangea.ts';

const unlimited = 1e9;

let graph: Pangea;

const adapter: Adapter = {
  name: 'pangea',
  async open({ listen = false, peers = [], directory, node = listen }) {
    graph = await openPangea({ node, listen, peers, limits: { messagesPerSecond: unlimited, writesPerSecond: unlimited }, ...(directory === undefined ? {} : { directory }) });
    return graph.port;
  },
  raw(say) {
    const sink = graph.peer.mesh.attach({ name: '127.0.0.1', dialled: false, send: say, buffered: () => 0, close: () => undefined });
    return (frame) => sink.text(frame);
  },
  put(soul, value, acked) {
    let told = false;
    graph.chain.get(soul).put(value, acked && ((ack) => {
      if (!told) acked(ack.err === undefined);
      told = true;
    }));
  },
  putKey: (soul, key, value) => void graph.chain.get(soul).get(key).put(value),
  once: (soul, key, found) => void (key === undefined ? graph.chain.get(soul) : graph.chain.get(soul).get(key)).once(found, { wait: 1 }),
  on: (soul, key, changed) => void (key === undefined ? graph.chain.get(soul) : graph.chain.get(soul).get(key)).on(changed),
  map: (soul, item) => void graph.chain.get(soul).map().once((value: unknown, key: string) => item(key, value)),
  has: (soul, key) => graph.peer.peek(soul)?.has(key) === true,
  peers: () => graph.peer.mesh.peers().length,
  close: () => graph.close(),
};

drive(adapter);

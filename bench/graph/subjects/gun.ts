/** gun.js as npm gives it, in Node, with the WebSocket library that it ships. */
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Adapter } from './adapter.ts';
import { drive } from './drive.ts';

interface Chain {
  get(key: string): Chain;
  put(value: unknown, acked?: (ack: { err?: unknown }) => void): Chain;
  once(found: (value: unknown) => void, options?: { wait: number }): Chain;
  on(changed: (value: unknown) => void): Chain;
  map(): { once(item: (value: unknown, key: string) => void): void };
  readonly _: Root;
}

interface Root {
  readonly graph: Record<string, Record<string, unknown> | undefined>;
  readonly opt: { readonly mesh: { near: number; hi(peer: object): void; hear(frame: string, peer: object): void } };
}

const makeGun = createRequire(import.meta.url)('gun') as (options: object) => Chain;
let gun: Chain;
let server: Server | undefined;

const adapter: Adapter = {
  name: 'gun.js',
  async open({ listen = false, peers = [], directory, axe = true }) {
    if (listen) {
      server = createServer();
      await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    }
    // Broadcasts to the local network, statistics files and localStorage's stand-in are off: nothing else is changed.
    // In Node it takes itself for a relay, which connects when it first has something to say: a client is told that it is none.
    gun = makeGun({
      peers: [...peers], axe, super: listen, multicast: false, stats: false, localStorage: false,
      ...(server === undefined ? {} : { web: server }), ...(directory === undefined ? { radisk: false, rfs: false } : { radisk: true, file: directory }),
    });
    return (server?.address() as AddressInfo | undefined)?.port ?? 0;
  },
  raw(say) {
    const peer = { wire: { send: say, close: () => undefined } };
    gun._.opt.mesh.hi(peer);
    return (frame) => gun._.opt.mesh.hear(frame, peer);
  },
  put(soul, value, acked) {
    if (acked === undefined) {
      gun.get(soul).put(value);
      return;
    }
    let told = false;
    gun.get(soul).put(value, (ack) => {
      if (!told) acked(ack.err === undefined);
      told = true;
    });
  },
  putKey: (soul, key, value) => void gun.get(soul).get(key).put(value),
  // `wait: 1` is the quickest that it offers: without it a node takes 99 ms, always.
  once: (soul, key, found) => void (key === undefined ? gun.get(soul) : gun.get(soul).get(key)).once(found, { wait: 1 }),
  on: (soul, key, changed) => void (key === undefined ? gun.get(soul) : gun.get(soul).get(key)).on(changed),
  map: (soul, item) => gun.get(soul).map().once((value, key) => item(key, value)),
  has: (soul, key) => gun._.graph[soul]?.[key] !== undefined,
  peers: () => gun._.opt.mesh.near,
  close: async () => undefined,
};

drive(adapter);

/** One simulated machine: production parts over memory variants, with a process that can be killed and a disk that stays. */
import { emptyBody } from '../../src/body/body.ts';
import { createPortableCodec } from '../../src/codec/codec.ts';
import type { Dht } from '../../src/dht/dht.ts';
import type { Digest, PeerId } from '../../src/ids/ids.ts';
import { MemoryKv, type KeyValueStore } from '../../src/kv/kv.ts';
import type { ObjectEngine } from '../../src/objects/engine.ts';
import { openObjects, type Objects, type ObjectsSettings } from '../../src/objects/objects.ts';
import { openPeerRegistry, startPinger, type PeerRegistry } from '../../src/peers/peers.ts';
import { concatBytes, utf8, type Random } from '../../src/std/std.ts';
import type { MemoryStore } from '../../src/store/store.ts';
import { silentLogger } from '../../src/telemetry/telemetry.ts';
import type { Hello, Reply, Request, Transport } from '../../src/transport/transport.ts';
import { ProcessClock } from './clock.ts';
import { GaugeBook, ProcessKv } from './process.ts';
import type { World } from './world.ts';

export type NodeState = 'up' | 'down' | 'destroyed';

const roomyBytes = 64 * 2 ** 30;

export class SimNode {
  readonly peer: PeerId;
  readonly name: string;
  readonly metrics = new GaugeBook();
  state: NodeState = 'down';
  /** Turns a right answer into what a hostile peer would say. */
  lie: (request: Request, reply: Reply) => Reply = (_request, reply) => reply;
  /** What is on the machine's disk, whether a process runs or not. */
  store: MemoryStore;
  objects: Objects | undefined;
  registry: PeerRegistry | undefined;
  transport: Transport | undefined;
  readonly #world: World;
  readonly #random: Random;
  readonly #label: number;
  readonly #kv: KeyValueStore = new MemoryKv();
  #kill: () => void = () => undefined;

  constructor(world: World, peer: PeerId, label: number, store: MemoryStore, random: Random) {
    this.#world = world;
    this.peer = peer;
    this.name = `n${label}`;
    this.#label = label;
    this.store = store;
    this.#random = random;
  }

  /** Starts the process over what the disk has. */
  async start(settings: ObjectsSettings): Promise<void> {
    const { network, dht: dhtNetwork, trace } = this.#world;
    const clock = new ProcessClock(this.#world.clock);
    const kv = new ProcessKv(this.#kv);
    const random = this.#random;
    const codec = this.#world.wrapCodec(createPortableCodec({ nonce: (length) => random.bytes(length) }));
    const registry = await openPeerRegistry({
      kv, clock, logger: silentLogger, metrics: this.metrics, localPeer: this.peer,
    });
    const transport = network.transport(this.peer, {
      hello: () => this.#hello(),
      onHello: (peer, hello) => {
        registry.greeted(peer, hello);
        return true;
      },
    });
    transport.on({
      connected: (peer) => registry.connected(peer),
      disconnected: (peer) => registry.disconnected(peer),
    });
    const dht: Dht = dhtNetwork.dht(this.peer, transport.addresses(), { rules: {}, clock });
    const objects = openObjects({
      clock, random, codec, store: this.store, transport, dht, peers: registry, kv, settings,
      logger: this.#world.logger(this.name), metrics: this.metrics, localPeer: this.peer,
      objectKey: (salt) => codec.deriveKey('simulated owner', concatBytes(utf8(this.peer), salt)),
      announceKey: (root) => root,
    });
    await transport.listen(async (peer, request, body) => {
      const reply = this.lie(request, await objects.handle(peer, request, body));
      trace.add(`${this.name} ${this.#world.nameOf(peer)} ${request.type} ${reply.status}`);
      return reply;
    });
    objects.start();
    startPinger({
      registry, clock, random, intervalMs: 30_000,
      ping: async (peer, signal) => {
        const startMs = clock.monotonicMs();
        await transport.request(peer, { type: 'ping' }, { timeoutMs: 5_000, signal });
        return clock.monotonicMs() - startMs;
      },
    });
    Object.assign(this, { objects, registry, transport, state: 'up' });
    this.#kill = () => {
      clock.kill();
      kv.kill();
    };
  }

  /** Kill −9 with power loss: what was not synced is gone, but for a random part that had reached the disk by itself. */
  crash(): void {
    if (this.state !== 'up') return;
    this.#kill();
    this.#world.network.crash(this.peer);
    this.#world.dht.crash(this.peer);
    this.store = this.store.crash(this.#random);
    this.objects = undefined;
    this.registry = undefined;
    this.transport = undefined;
    this.state = 'down';
  }

  /** The machine and its disk are gone for good. */
  destroy(): void {
    this.crash();
    this.state = 'destroyed';
  }

  /** A question to the node's own holder's side. */
  async ask<T extends Request['type']>(request: Extract<Request, { type: T }>): Promise<Reply<T> | undefined> {
    return (await this.objects?.handle(this.peer, request as Request, emptyBody)) as Reply<T> | undefined;
  }

  /** Whom this node's record of an object names as holders. */
  hintOf(root: Digest): readonly (PeerId | undefined)[] {
    return (this.objects as ObjectEngine | undefined)?.held.get(root)?.holders ?? [];
  }

  #hello(): Hello {
    return {
      label: this.#label, version: 'sim', quicAddresses: [], multiaddrs: [], certificate: new Uint8Array(0),
      storing: true, freeBytes: Math.min(roomyBytes, this.store.usage().freeBytes), failureDomain: '',
    };
  }
}

import type { Codec } from '../../src/codec/codec.ts';
import { MemoryDhtNetwork } from '../../src/dht/dht.ts';
import type { PeerId } from '../../src/ids/ids.ts';
import type { ObjectsSettings } from '../../src/objects/objects.ts';
import { seededRandom, type Random } from '../../src/std/std.ts';
import { MemoryStore } from '../../src/store/store.ts';
import { silentLogger, type Logger } from '../../src/telemetry/telemetry.ts';
import { MemoryNetwork } from '../../src/transport/transport.ts';
import { VirtualClock } from './clock.ts';
import { SimNode } from './node.ts';
import { simulatedPeerId } from './peer-ids.ts';
import { Trace } from './trace.ts';

export const minuteMs = 60_000;

export const settings: ObjectsSettings = {
  segmentBytes: 64 * 1024,
  compression: 'store',
  ack: 'all',
  storing: true,
  putWindowStripes: 2,
  getWindowStripes: 2,
  hedgeAfterMs: 200,
  requestTimeoutMs: 8_000,
  repairGraceMs: 4 * minuteMs,
  repairIntervalMs: 2 * minuteMs,
  repairWindowBytes: 2 * 1024 * 1024,
  uploadExpiresMs: 8 * minuteMs,
  uploadQuotaBytes: 64 * 1024 * 1024,
};

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly keepTrace?: boolean;
  readonly settings?: Partial<ObjectsSettings>;
  readonly lossRate?: number;
  /** One way; 20 unless given. */
  readonly latencyMs?: number;
  /** Puts something around the codec of every node. */
  readonly wrapCodec?: (codec: Codec, clock: VirtualClock) => Codec;
  /** Makes the disk of every machine; the default syncs in 2 ms. */
  readonly makeStore?: (clock: VirtualClock) => MemoryStore;
}

/** Machines, the network between them, and time. Everything is drawn from the seed. */
export class World {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly trace: Trace;
  readonly network: MemoryNetwork;
  readonly dht: MemoryDhtNetwork;
  readonly nodes: SimNode[] = [];
  readonly settings: ObjectsSettings;
  readonly #options: WorldOptions;
  readonly #names = new Map<PeerId, string>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.trace = new Trace(() => this.clock.monotonicMs(), options.keepTrace ?? false);
    this.settings = { ...settings, ...options.settings };
    this.network = new MemoryNetwork({ clock: this.clock, random: this.child(), latencyMs: options.latencyMs ?? 20, lossRate: options.lossRate ?? 0 });
    this.dht = new MemoryDhtNetwork({ reachable: (from, to) => this.network.reachable(from, to) });
  }

  /** Builds the world and lets everybody meet everybody. */
  static async open(options: WorldOptions): Promise<World> {
    const world = new World(options);
    for (let index = 0; index < options.nodes; index++) await world.addNode();
    await world.clock.run(5_000);
    return world;
  }

  get live(): readonly SimNode[] {
    return this.nodes.filter(({ state }) => state === 'up');
  }

  async addNode(): Promise<SimNode> {
    const store = this.#options.makeStore?.(this.clock) ?? new MemoryStore({ clock: this.clock, syncMs: 2 });
    const node = new SimNode(this, simulatedPeerId(this.random), this.nodes.length, store, this.child());
    this.nodes.push(node);
    this.#names.set(node.peer, node.name);
    await this.startNode(node);
    return node;
  }

  async startNode(node: SimNode): Promise<void> {
    await this.clock.until(this.restart(node));
  }

  /** Starts the node's process, which dials all others, as bootstrap and discovery would have it do. */
  async restart(node: SimNode): Promise<void> {
    await node.start(this.settings);
    for (const other of this.live) {
      if (other !== node) node.transport?.connect(`memory:${other.peer}`).catch(() => undefined);
    }
  }

  wrapCodec(codec: Codec): Codec {
    return this.#options.wrapCodec?.(codec, this.clock) ?? codec;
  }

  nameOf(peer: PeerId): string {
    return this.#names.get(peer) ?? peer;
  }

  /** A stream of randomness of its own, so that one part's drawing does not shift another's. */
  child(): Random {
    return seededRandom(this.random.integer(2 ** 32));
  }

  logger(name: string): Logger {
    if (this.#options.keepTrace !== true) return silentLogger;
    const at = (level: string) => (fields: Record<string, unknown>, message: string): void => {
      const shown = JSON.stringify(fields).replaceAll(/12D3KooW\w{44}/g, (peer) => this.nameOf(peer as PeerId));
      this.trace.note(`${name} ${level} ${message} ${shown}`);
    };
    const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => logger };
    return logger;
  }
}

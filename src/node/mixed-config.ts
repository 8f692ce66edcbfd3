/** The settings of the existing network's clients: kept in the node's database under one key, applied to nothing. */
import type { MixedConfig } from '../api/api.ts';
import { PangeaError } from '../errors/errors.ts';
import type { KeyValueStore } from '../kv/kv.ts';
import { fromUtf8, utf8, type Clock } from '../std/std.ts';

const key = 'mixed/config';
const limits = { bytes: 64 * 1024, peers: 256, settings: 256 } as const;

export class ConfigKeeper {
  readonly #kv: KeyValueStore;
  readonly #clock: Clock;
  readonly #initial: () => MixedConfig;

  /** `initial`: what is shown before anything was saved. */
  constructor(kv: KeyValueStore, clock: Clock, initial: () => MixedConfig) {
    this.#kv = kv;
    this.#clock = clock;
    this.#initial = initial;
  }

  async load(): Promise<MixedConfig> {
    const bytes = await this.#kv.get(key);
    return bytes === undefined ? this.#initial() : (JSON.parse(fromUtf8(bytes)) as MixedConfig);
  }

  /** Throws `TOO_LARGE`. `lastSavedAt` is the time of this call, whatever the client says. */
  async save(config: MixedConfig): Promise<void> {
    const { nodeId, capnpAddr, libp2pPort, useLibp2p, localMode, bootstrapPeers, customSettings } = config;
    const saved: MixedConfig = {
      nodeId, capnpAddr, libp2pPort, useLibp2p, localMode, bootstrapPeers: [...bootstrapPeers], customSettings: { ...customSettings },
      lastSavedAt: new Date(this.#clock.nowMs()).toISOString(),
    };
    const bytes = utf8(JSON.stringify(saved));
    if (bytes.length > limits.bytes || bootstrapPeers.length > limits.peers || Object.keys(customSettings).length > limits.settings) {
      throw new PangeaError('TOO_LARGE', `settings of at most ${limits.bytes} bytes, ${limits.peers} peers and ${limits.settings} values are kept`);
    }
    await this.#kv.put(key, bytes);
  }
}

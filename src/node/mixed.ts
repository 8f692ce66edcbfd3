/** The calls of the existing network's clients, on the parts of this node. */
import type { LinkQuality, MixedApi, MixedConfig, MixedNode, PeerView, ShardPlace, UploadReport } from '../api/api.ts';
import type { Host } from '../host/host.ts';
import type { PeerRegistry } from '../peers/peers.ts';
import type { Blocks } from './mixed-blocks.ts';
import type { ConfigKeeper } from './mixed-config.ts';
import type { Files } from './mixed-files.ts';
import type { Labels } from './mixed-labels.ts';
import type { Links } from './mixed-links.ts';
import type { Load } from './mixed-load.ts';
import type { Messages } from './mixed-messages.ts';

export interface MixedParts {
  readonly host: Host;
  readonly peers: PeerRegistry;
  readonly labels: Labels;
  readonly links: Links;
  readonly messages: Messages;
  readonly blocks: Blocks;
  readonly files: Files;
  readonly load: Load;
  readonly settings: ConfigKeeper;
}

export class MixedCalls implements MixedApi {
  readonly #parts: MixedParts;

  constructor(parts: MixedParts) {
    this.#parts = parts;
  }

  async node(label: number): Promise<MixedNode> {
    return this.#parts.labels.node(label);
  }

  async nodes(): Promise<readonly MixedNode[]> {
    return this.#parts.labels.nodes();
  }

  async claim(label: number, claim: { readonly latencyMs?: number; readonly threatScore?: number }): Promise<void> {
    this.#parts.labels.claim(label, claim);
  }

  nextUpdate(signal: AbortSignal): Promise<MixedNode> {
    return this.#parts.labels.nextUpdate(signal);
  }

  connect(label: number, host: string, port: number): Promise<LinkQuality> {
    return this.#parts.links.connect(label, host, port);
  }

  disconnect(label: number): Promise<void> {
    return this.#parts.links.disconnect(label);
  }

  async connected(): Promise<readonly PeerView[]> {
    return this.#parts.links.connected();
  }

  quality(label: number): Promise<LinkQuality> {
    return this.#parts.links.quality(label);
  }

  async sendMessage(label: number, data: Uint8Array): Promise<void> {
    await this.#parts.messages.send(await this.#parts.links.find(label), data);
  }

  async metrics() {
    const connected = this.#parts.peers.list().filter((peer) => peer.connected);
    const mean = (values: readonly (number | undefined)[]): number => {
      const known = values.filter((value) => value !== undefined);
      return known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length;
    };
    return {
      avgRttMs: mean(connected.map(({ latencyMs }) => latencyMs)), packetLoss: mean(connected.map(({ packetLoss }) => packetLoss)),
      peerCount: connected.length, ...this.#parts.load.reading(),
    };
  }

  async cesProcess(data: Uint8Array, level: number): Promise<readonly Uint8Array[]> {
    return this.#parts.blocks.process(data, level);
  }

  async cesReconstruct(shards: readonly (Uint8Array | undefined)[]): Promise<Uint8Array> {
    return this.#parts.blocks.reconstruct(shards);
  }

  upload(data: Uint8Array): Promise<UploadReport> {
    return this.#parts.files.upload(data);
  }

  download(fileHash: string, places: readonly ShardPlace[]): Promise<Uint8Array> {
    return this.#parts.files.download(fileHash, places);
  }

  async localMultiaddr(): Promise<string> {
    return this.#parts.host.multiaddrs()[0] ?? '';
  }

  async libp2pPeers(): Promise<readonly string[]> {
    return this.#parts.host.connectedPeers();
  }

  async mdnsDiscovered() {
    return this.#parts.links.discovered();
  }

  connectMdns(peer: string): Promise<void> {
    return this.#parts.links.connectDiscovered(peer);
  }

  loadConfig(): Promise<MixedConfig> {
    return this.#parts.settings.load();
  }

  saveConfig(config: MixedConfig): Promise<void> {
    return this.#parts.settings.save(config);
  }
}

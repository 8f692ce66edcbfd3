import type { LinkQuality, MixedApi, MixedConfig, MixedNode, NodeEvent, PeerView, ShardPlace, UploadReport } from '../../src/api/api.ts';
import { bodyFrom } from '../../src/body/body.ts';
import { createPortableCodec, type Codec } from '../../src/codec/codec.ts';
import { PangeaError } from '../../src/errors/errors.ts';

/** What the old network's calls need of the node that they are asked of. */
export interface MixedHome {
  readonly label: number;
  put(content: AsyncIterable<Uint8Array>, options: { name: string }): Promise<{ root: string; name: string; bytes: number; createdMs: number }>;
  get(root: string): Promise<{ content: AsyncIterable<Uint8Array> }>;
  /** Other nodes of the same memory, by label. */
  find(label: number): MixedNeighbour | undefined;
  neighbours(): readonly MixedNeighbour[];
}

export interface MixedNeighbour {
  readonly label: number;
  readonly peerId: string;
  view(): PeerView;
  emit(event: NodeEvent): void;
}

const link: LinkQuality = { latencyMs: 1, jitterMs: 0, packetLoss: 0 };
const blockBytes = 64 * 1024 * 1024;
const messageBytes = 64 * 1024;

/** The calls of the existing network over the nodes of one process: blocks are really coded, messages really arrive. */
export class MemoryMixed implements MixedApi {
  readonly #home: MixedHome;
  readonly #peerId: string;
  readonly #connected = new Set<number>();
  readonly #claims = new Map<number, { latencyMs?: number; threatScore?: number }>();
  readonly #waiting = new Set<(node: MixedNode) => void>();
  readonly #codec: Codec = createPortableCodec();
  readonly #key = new Uint8Array(32).fill(7);
  #config: MixedConfig = {
    nodeId: 0, capnpAddr: '', libp2pPort: 0, useLibp2p: true, localMode: true, bootstrapPeers: [], lastSavedAt: '', customSettings: {},
  };

  constructor(home: MixedHome, peerId: string) {
    this.#home = home;
    this.#peerId = peerId;
  }

  async node(label: number): Promise<MixedNode> {
    if (label !== this.#home.label && this.#home.find(label) === undefined) throw new PangeaError('NOT_FOUND', `no node with the label ${label} is known`);
    const { latencyMs = 0, threatScore = 0 } = this.#claims.get(label) ?? {};
    return { label, status: threatScore > 0.8 ? 2 : threatScore > 0.5 ? 1 : 0, latencyMs, threatScore };
  }

  nodes(): Promise<readonly MixedNode[]> {
    return Promise.all([this.#home.label, ...this.#home.neighbours().map(({ label }) => label)].map((label) => this.node(label)));
  }

  async claim(label: number, claim: { readonly latencyMs?: number; readonly threatScore?: number }): Promise<void> {
    await this.node(label);
    this.#claims.set(label, { ...this.#claims.get(label), ...claim });
    const changed = await this.node(label);
    for (const resolve of this.#waiting) resolve(changed);
    this.#waiting.clear();
  }

  nextUpdate(signal: AbortSignal): Promise<MixedNode> {
    return new Promise((resolve, reject) => {
      const taken = (node: MixedNode): void => {
        signal.removeEventListener('abort', stopped);
        resolve(node);
      };
      const stopped = (): void => {
        this.#waiting.delete(taken);
        reject(new PangeaError('ABORTED', 'the wait was given up'));
      };
      if (signal.aborted) return stopped();
      signal.addEventListener('abort', stopped, { once: true });
      this.#waiting.add(taken);
    });
  }

  /** Waits under way, so that tests see them end. */
  get waiting(): number {
    return this.#waiting.size;
  }

  async connect(label: number, host: string, port: number): Promise<LinkQuality> {
    const found = label === 0 ? this.#home.neighbours().find((node) => node.view().quicAddresses.includes(`${host}:${port}`)) : this.#home.find(label);
    if (found === undefined) throw new PangeaError('PEER_UNREACHABLE', `nobody answers at ${host}:${port}`);
    this.#connected.add(found.label);
    return link;
  }

  async disconnect(label: number): Promise<void> {
    await this.node(label);
    this.#connected.delete(label);
  }

  async connected(): Promise<readonly PeerView[]> {
    return this.#home.neighbours().filter(({ label }) => this.#connected.has(label)).map((node) => ({ ...node.view(), connected: true, path: 'direct' }));
  }

  async quality(label: number): Promise<LinkQuality> {
    await this.node(label);
    return link;
  }

  async sendMessage(label: number, data: Uint8Array): Promise<void> {
    if (data.length > messageBytes) throw new PangeaError('TOO_LARGE', `a message has at most ${messageBytes} bytes`);
    const to = this.#home.find(label);
    if (to === undefined) throw new PangeaError('NOT_FOUND', `no node with the label ${label} is known`);
    to.emit({ kind: 'message', atMs: Date.now(), from: this.#peerId, label: this.#home.label, data: data.slice() });
  }

  async metrics() {
    return { avgRttMs: 1, packetLoss: 0, bandwidthMbps: 0, peerCount: this.#connected.size, cpuUsage: 0.25, ioCapacity: 1 };
  }

  async cesProcess(data: Uint8Array, level: number): Promise<readonly Uint8Array[]> {
    if (data.length > blockBytes) throw new PangeaError('TOO_LARGE', `a block has at most ${blockBytes} bytes`);
    const compression = level >= 1 && level <= 19 ? level : ({ kind: 'auto', minLevel: 3, maxLevel: 9 } as const);
    const { shards } = await this.#codec.encodeWhole({ plaintext: [data], key: this.#key, compression });
    return shards.map((shard) => shard.bytes());
  }

  async cesReconstruct(shards: readonly (Uint8Array | undefined)[]): Promise<Uint8Array> {
    const bodies = Array.from({ length: 12 }, (_, row) => shards[row] === undefined ? null : bodyFrom(shards[row]));
    return (await this.#codec.decodeWhole({ shards: bodies, key: this.#key, maxBytes: blockBytes })).bytes();
  }

  async upload(data: Uint8Array, preferred: readonly number[]): Promise<UploadReport> {
    const content = (async function* () { yield data; })();
    const { root, name, bytes, createdMs } = await this.#home.put(content, { name: `upload-${data.length}` });
    const places = Array.from({ length: 12 }, (_, index): ShardPlace => ({ index, label: preferred[index % Math.max(1, preferred.length)] ?? this.#home.label }));
    return { root, name, bytes, places, createdMs };
  }

  async download(fileHash: string): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const chunk of (await this.#home.get(fileHash)).content) parts.push(chunk.slice());
    return new Uint8Array(Buffer.concat(parts));
  }

  async localMultiaddr(): Promise<string> {
    return `/memory/${this.#home.label}/p2p/${this.#peerId}`;
  }

  async libp2pPeers(): Promise<readonly string[]> {
    return this.#home.neighbours().filter(({ label }) => this.#connected.has(label)).map(({ peerId }) => peerId);
  }

  async mdnsDiscovered() {
    return this.#home.neighbours().map(({ label, peerId }) => ({ peer: peerId, multiaddrs: [`/memory/${label}`], discoveredMs: 1 }));
  }

  async connectMdns(peer: string): Promise<void> {
    const found = this.#home.neighbours().find(({ peerId }) => peerId === peer);
    if (found === undefined) throw new PangeaError('NOT_FOUND', `${peer.slice(0, 80)} was not found by mDNS`);
    this.#connected.add(found.label);
  }

  async loadConfig(): Promise<MixedConfig> {
    return this.#config;
  }

  async saveConfig(config: MixedConfig): Promise<void> {
    this.#config = { ...config, lastSavedAt: new Date().toISOString() };
  }
}

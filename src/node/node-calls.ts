/** What the running node does for its callers: the api, on the parts. */
import type {
  GetOptions, GetResult, NodeApi, NodeStatus, ObjectInfo, ObjectRecord, PeerView, Plan, PutOptions, PutResult, TrainOptions, TreeEntry,
} from '../api/api.ts';
import type { Capabilities } from '../capabilities/capabilities.ts';
import { formatAddress, type NodeConfig } from '../config/config.ts';
import { PangeaError } from '../errors/errors.ts';
import { parsePeerId } from '../ids/ids.ts';
import type { Objects } from '../objects/objects.ts';
import { ambiguousLabels } from '../peers/peers.ts';
import { systemClock } from '../std/std.ts';
import type { Disk } from './disk.ts';
import type { Network } from './network.ts';
import type { PartLine } from './part-line.ts';
import type { Paths } from './paths.ts';
import { planOf } from './plan.ts';
import { version } from './version.ts';

export interface NodeCallsParts {
  readonly config: () => NodeConfig;
  readonly label: number;
  readonly startedMs: number;
  readonly disk: Disk;
  readonly network: Network;
  readonly objects: Objects;
  readonly capabilities: Capabilities;
  readonly paths: Paths;
  /** Grows while the node starts. */
  readonly parts: readonly PartLine[];
  readonly isReady: () => boolean;
  readonly http: () => string;
}

export class NodeCalls implements NodeApi {
  readonly #parts: NodeCallsParts;

  constructor(parts: NodeCallsParts) {
    this.#parts = parts;
  }

  put(content: AsyncIterable<Uint8Array>, options: PutOptions): Promise<PutResult> {
    return this.#parts.objects.put(content, options);
  }

  putTree(entries: AsyncIterable<TreeEntry>, options: PutOptions): Promise<PutResult> {
    return this.#parts.objects.putTree(entries, options);
  }

  trainDictionary(samples: AsyncIterable<TreeEntry>, options: TrainOptions): Promise<PutResult> {
    return this.#parts.objects.trainDictionary(samples, options);
  }

  get(reference: string, options?: GetOptions): Promise<GetResult> {
    return this.#parts.objects.get(reference, options);
  }

  getTree(reference: string, options?: GetOptions): Promise<{ name: string; entries: AsyncIterable<TreeEntry> }> {
    return this.#parts.objects.getTree(reference, options);
  }

  list(): AsyncIterable<ObjectRecord> {
    return this.#parts.objects.list();
  }

  search(pattern: string): AsyncIterable<ObjectRecord> {
    return this.#parts.objects.search(pattern);
  }

  info(reference: string): Promise<ObjectInfo> {
    return this.#parts.objects.info(reference);
  }

  remove(reference: string): Promise<{ root: string; confirmed: number; holders: number }> {
    return this.#parts.objects.remove(reference);
  }

  async peers(): Promise<readonly PeerView[]> {
    const records = this.#parts.network.peers.list();
    const ambiguous = ambiguousLabels(records);
    return records.map((record) => ({ ...record, ambiguousLabel: record.label !== undefined && ambiguous.has(record.label) }));
  }

  /** `host:port` dials QUIC, a multiaddr libp2p. */
  async connectPeer(address: string): Promise<{ peer: string }> {
    const { host, transport } = this.#parts.network;
    if (!address.startsWith('/')) return { peer: await transport.connect(address) };
    const peer = await host.dial(address);
    const reply = await transport.request<'ping'>(peer, { type: 'ping' });
    if (reply.status !== 0) throw new PangeaError('PEER_REFUSED', `${peer} answered: ${reply.message}`);
    reply.body.release();
    return { peer };
  }

  async revokePeer(text: string): Promise<void> {
    const { membership } = this.#parts.disk;
    const peer = parsePeerId(text);
    if (peer === undefined) throw new PangeaError('USAGE', `"${text}" is no peer id: see "pangea-node peers"`);
    if (!membership?.inviter) throw new PangeaError('NOT_A_MEMBER', 'only the node that made the network with "init" can end a membership');
    await membership.inviter.revoke(peer, systemClock.nowMs());
  }

  async plan(): Promise<Plan> {
    const { capabilities, paths, disk, network } = this.#parts;
    return planOf(capabilities, paths, {
      codec: paths.codec, store: disk.store.name, host: network.host.name, firewall: network.firewall.mode,
      transports: network.quic ? ['quic', 'libp2p'] : ['libp2p'],
    });
  }

  async status(): Promise<NodeStatus> {
    const { config, label, startedMs, disk, network, objects, parts, isReady, http } = this.#parts;
    const { liveBytes, garbageBytes, freeBytes, records } = disk.store.usage();
    const known = network.peers.list();
    return {
      version, nodeId: label, peerId: disk.identity.peerId, network: disk.membership ? 'private' : 'open',
      startedMs, ready: isReady(), parts: [...parts],
      peers: { known: known.length, connected: known.filter((peer) => peer.connected).length },
      store: { liveBytes, garbageBytes, freeBytes, records },
      objects: objects.counts(),
      addresses: {
        quic: network.quic?.addresses() ?? [], dht: network.host.multiaddrs(), http: http(),
        rpc: config().rpc ? `${formatAddress(config().rpcAddr)} (not in this build)` : '',
      },
      memoryBytes: process.memoryUsage.rss(),
    };
  }

  async invite({ uses, expiresMs }: { uses: number; expiresMs: number }): Promise<{ ticket: string }> {
    const { disk: { membership }, network } = this.#parts;
    if (!membership?.inviter) {
      throw new PangeaError('NOT_A_MEMBER', 'this node did not make a private network: run "pangea-node init" before its first start');
    }
    const nowMs = systemClock.nowMs();
    const ticket = await membership.inviter.createTicket({ addresses: network.hello().multiaddrs, uses, expiresMs: nowMs + expiresMs, nowMs });
    return { ticket };
  }
}

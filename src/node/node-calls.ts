/** What the running node does for its callers: the api, on the parts. */
import type {
  DoctorReport, FirewallView, GetOptions, GraphApi, GetResult, MixedApi, NodeApi, NodeEvent, NodeEventKind, NodeStatus, ObjectInfo, ObjectRecord, PeerView, Plan,
  PutOptions, PutResult, RepairAction, RepairView, TrainOptions, TreeEntry,
} from '../api/api.ts';
import type { Capabilities } from '../capabilities/capabilities.ts';
import type { NodeConfig } from '../config/config.ts';
import { PangeaError } from '../errors/errors.ts';
import { parsePeerId } from '../ids/ids.ts';
import type { Objects } from '../objects/objects.ts';
import { systemClock } from '../std/std.ts';
import type { Metrics } from '../telemetry/telemetry.ts';
import type { Disk } from './disk.ts';
import { diagnose } from './doctor.ts';
import type { Events } from './events.ts';
import { firewallView, replaceAllow } from './firewall-calls.ts';
import type { Network } from './network.ts';
import type { PartLine } from './part-line.ts';
import type { Paths } from './paths.ts';
import { viewer } from './peer-view.ts';
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
  readonly rpc: () => string;
  readonly metrics: Metrics;
  readonly events: Events;
  readonly mixed: MixedApi;
  /** It opens after the rest, and may be refused until then. */
  readonly graph: () => GraphApi;
}

export class NodeCalls implements NodeApi {
  readonly mixed: MixedApi;
  readonly #parts: NodeCallsParts;

  constructor(parts: NodeCallsParts) {
    this.#parts = parts;
    this.mixed = parts.mixed;
  }

  get graph(): GraphApi {
    return this.#parts.graph();
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
    const { network } = this.#parts;
    return network.peers.list().map(viewer(network));
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
    const graph = await this.graph.status();
    const { label, startedMs, disk, network, objects, parts, isReady, http, rpc } = this.#parts;
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
        rpc: rpc(),
      },
      memoryBytes: process.memoryUsage.rss(), reachability: network.host.natReport().reachability,
      graph: graph.state === 'off' ? undefined : graph,
    };
  }

  metrics(): Promise<string> {
    return this.#parts.metrics.text();
  }

  subscribe(kinds: readonly NodeEventKind[], listener: (event: NodeEvent) => void): () => void {
    return this.#parts.events.subscribe(kinds, listener);
  }

  async firewall(): Promise<FirewallView> {
    return firewallView(this.#parts.network);
  }

  async setFirewall(allow: readonly string[]): Promise<FirewallView> {
    return replaceAllow(this.#parts.network, this.#parts.config(), allow);
  }

  async repair(): Promise<RepairView> {
    const { objects } = this.#parts;
    const { held, underRepair } = objects.counts();
    return { ...objects.repairState(), objectsHeld: held, objectsUnderRepair: underRepair };
  }

  async controlRepair(action: RepairAction): Promise<RepairView> {
    const { objects } = this.#parts;
    if (action === 'runOnce') await objects.repairOnce();
    else objects.pauseRepair(action === 'pause');
    return this.repair();
  }

  async doctor(): Promise<DoctorReport> {
    const { config, disk, network } = this.#parts;
    return diagnose({ config: config(), network, disk, graph: await this.graph.status() });
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

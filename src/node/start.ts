import { createHash } from 'node:crypto';
import { detectCapabilities } from '../capabilities/capabilities.ts';
import { compareConfigs, formatAddress, type ConfigChange, type NodeConfig } from '../config/config.ts';
import { openControlServer } from '../control/control.ts';
import { asPangeaError, PangeaError } from '../errors/errors.ts';
import { openHttpServer } from '../http/http.ts';
import { openObjects, type Objects } from '../objects/objects.ts';
import { startPinger } from '../peers/peers.ts';
import { concatBytes, systemClock, systemRandom } from '../std/std.ts';
import { createMetrics, type RootLogger } from '../telemetry/telemetry.ts';
import type { NodeApi } from '../api/api.ts';
import { Announcements } from './announcements.ts';
import { Compaction } from './compaction.ts';
import { Discovery } from './discovery.ts';
import { Events } from './events.ts';
import type { OpenedGraph } from './graph.ts';
import { graphOff } from './graph-off.ts';
import { watchSources } from './events-sources.ts';
import { openDisk, storeDirectory, type Disk } from './disk.ts';
import { RevocationSpread, serveJoins } from './member-streams.ts';
import { counted, Load } from './mixed-load.ts';
import { openMixed } from './mixed-open.ts';
import { openNetwork } from './network.ts';
import { NodeCalls } from './node-calls.ts';
import { bytesText, capabilitiesLine, codecLine, type PartLine } from './part-line.ts';
import { choosePaths } from './paths.ts';
import { openRpc, type OpenedRpc } from './rpc.ts';
import { viewer } from './peer-view.ts';
import { objectsSettings } from './settings.ts';

export interface StartOptions {
  readonly config: NodeConfig;
  readonly logger: RootLogger;
  /** Measures this machine again, whatever is known of it. */
  readonly calibrate?: boolean;
  /** Told a line for each part, after that part is up; `ready` comes last. */
  readonly onPart?: (line: PartLine) => void;
}

export interface RunningNode {
  readonly api: NodeApi;
  readonly dataDir: string;
  /** Takes over what can change while running; says what changed, and of each change whether it holds now. */
  reload(config: NodeConfig): readonly ConfigChange[];
  /** Drains, then stops everything in reverse order. Each part gets what is left of the deadline. Safe to repeat. */
  stop(deadlineMs?: number): Promise<void>;
}

const pingIntervalMs = 5_000;
const pingTimeoutMs = 3_000;
/** The least that a part gets to close in, however late it is. */
const leastCloseMs = 250;

interface Opened {
  readonly part: string;
  readonly close: (deadlineMs: number) => Promise<void>;
}

export async function startNode(options: StartOptions): Promise<RunningNode> {
  const opened: Opened[] = [];
  try {
    return await build(options, opened);
  } catch (error) {
    await closeAll(opened, options.config.stopDeadline, options.logger);
    throw asPangeaError(error);
  }
}

async function build(options: StartOptions, opened: Opened[]): Promise<RunningNode> {
  const { logger } = options;
  let config = options.config;
  const startedMs = systemClock.nowMs();
  const parts: PartLine[] = [];
  const say = (part: string, detail: string, up = true): void => {
    parts.push({ part, up, detail });
    options.onPart?.({ part, up, detail });
  };
  const remember = (part: string, close: (deadlineMs: number) => Promise<void>): void => void opened.push({ part, close });

  const paths = await choosePaths(config.force, { logger, calibrate: options.calibrate ? 'fresh' : 'cached' });
  const { forced, native, codec } = paths;
  logger.info({ calibration: paths.calibration, choices: paths.choices }, 'paths of the codec are chosen');
  const metrics = createMetrics({ defaults: true });
  const disk = await openDisk({ config, codec, native, forced, logger });
  remember('disk', () => disk.close());
  const { identity, owner, membership, store, kv } = disk;
  const capabilities = await detectCapabilities({ native, directory: config.dataDir });
  say('capabilities', capabilitiesLine(capabilities));
  if (!native.ok) say('native addon', `${native.reason}; running on portable paths`, false);

  const label = config.nodeId ?? new DataView(identity.publicKey.buffer, identity.publicKey.byteOffset).getUint32(0);
  const network = await openNetwork({ config, label, disk, forced, native, logger, metrics, opened: remember });
  const { firewall, plainFirewall, host, dht, transport, peers, quic } = network;
  say('node store', `${peers.list().length} known nodes, this one is ${label} (${identity.peerId})`);
  const usage = store.usage();
  say('shard store', `${store.name}, ${usage.records} records, ${bytesText(usage.liveBytes)} kept, ${bytesText(usage.freeBytes)} free in ${storeDirectory(config.dataDir)}`);
  say('firewall', `${firewall.mode}, allows ${firewall.allow.join(', ')}${membership ? `; membership is the gate, HTTP allows ${plainFirewall.allow.join(', ')}` : ''}; kernel path not in this build`);

  const load = new Load(systemClock);
  const shards = counted(transport, load);
  const objects = openObjects({
    clock: systemClock, random: systemRandom, codec, store, transport: shards, dht, peers, kv, logger: logger.child({ part: 'objects' }), metrics,
    localPeer: identity.peerId,
    objectKey: (salt) => owner.objectKey(salt),
    announceKey: announceKeyOf(disk),
    settings: objectsSettings(() => config, usage.freeBytes),
  });
  remember('objects', (deadlineMs) => objects.stop(deadlineMs));
  await shards.listen((peer, request, body) => objects.handle(peer, request, body));
  say('QUIC', quic ? quic.addresses().join(', ') : 'not available without the addon: shards go over libp2p streams', quic !== undefined);
  say('DHT', `${host.multiaddrs().join(', ')} (${host.name})`);
  say('CES', codecLine(codec, config, paths.calibration));

  const announcements = new Announcements({
    identity, host, dht, clock: systemClock, logger,
    about: () => network.hello(),
    heard: (peer, multiaddrs) => discovery.hear(peer, multiaddrs),
  });
  const discovery = new Discovery({
    host, dht, transport, peers, firewall, clock: systemClock, logger,
    lookUp: async (peer) => (await announcements.lookUp(peer))?.multiaddrs ?? [],
  });
  transport.on({ connected: (peer) => discovery.met(peer) });
  discovery.start();
  remember('discovery', async () => discovery.stop());
  announcements.start();
  remember('announcements', async () => announcements.stop());
  if (membership) {
    serveJoins(host, membership, systemClock, logger);
    const spread = new RevocationSpread({ host, membership, transport, clock: systemClock, random: systemRandom, logger });
    spread.start();
    remember('revocations', async () => spread.stop());
  }
  const pinger = startPinger({
    registry: peers, clock: systemClock, random: systemRandom, intervalMs: pingIntervalMs,
    ping: async (peer, signal) => {
      const before = systemClock.monotonicMs();
      // A ping that also brings news: placement must know who is filling up on a connection that lasts for weeks.
      const reply = await transport.request<'stat'>(peer, { type: 'stat' }, { timeoutMs: pingTimeoutMs, signal });
      const latencyMs = systemClock.monotonicMs() - before;
      if (reply.status !== 0) throw new PangeaError('PEER_REFUSED', reply.message);
      reply.body.release();
      peers.room(peer, reply.answer.freeBytes);
      return latencyMs;
    },
  });
  remember('pinger', () => pinger.stop());
  const compaction = new Compaction({ store, clock: systemClock, logger });
  compaction.start();
  remember('compaction', () => compaction.stop());
  objects.start();

  const events = new Events({ clock: systemClock, logger: logger.child({ part: 'events' }), metrics });
  const silence = watchSources({
    events, peers, host, objects, firewalls: [firewall, plainFirewall], clock: systemClock, view: (record) => viewer(network)(record),
    counted: () => (quic ? { quic: quic.admissions().denied } : {}),
  });
  remember('events', async () => silence());
  const mixed = openMixed({ config: () => config, label, disk, network, objects, codec, events, load, logger, metrics, claimants: (label) => announcements.lookUpLabel(label) });
  remember('mixed network', () => mixed.stop());

  let ready = false;
  const calls = new NodeCalls({
    config: () => config, label, startedMs, disk, network, objects, capabilities, paths,
    parts, isReady: () => ready, http: () => httpAddress, rpc: () => rpc?.address() ?? '', metrics, events, mixed: mixed.calls,
    graph: () => graph?.api ?? graphOff,
  });
  let httpAddress = '';
  let rpc: OpenedRpc | undefined;
  let graph: OpenedGraph | undefined;
  if (config.http) {
    const http = await openHttpServer({
      listen: config.httpAddr, metrics, clock: systemClock, logger: logger.child({ part: 'http' }),
      status: () => calls.status(), ready: () => ready, admit: (address) => plainFirewall.admit('http', address),
    });
    httpAddress = formatAddress({ host: config.httpAddr.host, port: http.port });
    remember('http', (deadlineMs) => http.close(deadlineMs));
    say('HTTP', `http://${httpAddress} (/metrics, /healthz, /readyz, /status)`);
  }
  if (config.rpc) {
    const opened = await openRpc({ config, api: calls, native, admit: (address) => plainFirewall.admit('rpc', address), logger: logger.child({ part: 'rpc' }), metrics });
    rpc = opened;
    remember('rpc', (deadlineMs) => opened.server.close(deadlineMs));
    say('RPC', opened.detail);
  }
  if (config.graphAddr !== 'off') {
    // Only then: most nodes serve none, and it brings a WebSocket server and a database with it.
    const { openGraph } = await import('./graph.ts');
    const opened = await openGraph({ config: () => config, listen: config.graphAddr, kv, objects, firewall: plainFirewall, events, logger: logger.child({ part: 'graph' }), metrics });
    graph = opened;
    remember('graph', () => opened.close());
    say('graph', opened.detail);
  }
  gauges(metrics, { objects, network, disk });
  const { reedSolomon, ...kernels } = codec.kernels;
  for (const [stage, path] of Object.entries({ codec: codec.name, 'reed-solomon': reedSolomon, ...kernels })) {
    metrics.info('pangea_ces_kernel_info', 'What each stage of the codec runs on', { stage, path });
  }
  const control = await openControlServer({ dataDir: config.dataDir, api: calls, logger: logger.child({ part: 'control' }) });
  remember('control', (deadlineMs) => control.close(deadlineMs));
  say('control', control.path);
  ready = true;
  say('ready', `${membership ? `member of the network ${membership.networkId}` : 'open network'}; put files with "pangea-node put FILE --data-dir ${config.dataDir}"`);

  let stopping: Promise<void> | undefined;
  return {
    api: calls,
    dataDir: config.dataDir,
    reload: (next) => {
      const changes = compareConfigs(config, next);
      network.applyAllow(next);
      logger.setLevel(next.logLevel);
      const live = {
        allow: next.allow, repairGrace: next.repairGrace, repairInterval: next.repairInterval, logLevel: next.logLevel,
        graphPeers: next.graphPeers, graphOrigins: next.graphOrigins, graphHosts: next.graphHosts,
      };
      config = Object.freeze({ ...config, ...live });
      graph?.meetRelays();
      return changes;
    },
    stop: (deadlineMs = config.stopDeadline) => {
      ready = false;
      return (stopping ??= closeAll(opened, deadlineMs, logger));
    },
  };
}

/** In reverse order. A part that fails or hangs costs its share of the deadline and never keeps the others from closing. */
async function closeAll(opened: Opened[], deadlineMs: number, logger: RootLogger): Promise<void> {
  const end = systemClock.monotonicMs() + deadlineMs;
  for (let next = opened.pop(); next; next = opened.pop()) {
    const { part, close } = next;
    const left = Math.max(end - systemClock.monotonicMs(), leastCloseMs);
    const late = Promise.withResolvers<void>();
    const timer = systemClock.after(left + leastCloseMs, () => {
      logger.warn({ part }, 'a part did not close in time');
      late.resolve();
    });
    await Promise.race([
      close(left).catch((error: unknown) => logger.error({ part, error }, 'a part failed to close')),
      late.promise,
    ]);
    timer.cancel();
  }
}

/** sha2-256 of the root, in a private network of (discovery secret ‖ root): strangers cannot tell who keeps what. */
function announceKeyOf({ membership }: Disk): (root: Uint8Array) => Uint8Array {
  return (root) => new Uint8Array(createHash('sha256').update(membership ? concatBytes(membership.discoverySecret, root) : root).digest());
}

function gauges(metrics: ReturnType<typeof createMetrics>, parts: { objects: Objects; network: Awaited<ReturnType<typeof openNetwork>>; disk: Disk }): void {
  const { objects, network, disk } = parts;
  metrics.gauge('pangea_peers_known', 'Nodes in the registry', () => network.peers.list().length);
  metrics.gauge('pangea_peers_connected', 'Nodes connected now', () => network.peers.list().filter((peer) => peer.connected).length);
  metrics.gauge('pangea_store_live_bytes', 'Bytes of live records', () => disk.store.usage().liveBytes);
  metrics.gauge('pangea_store_garbage_bytes', 'Bytes that compaction can reclaim', () => disk.store.usage().garbageBytes);
  metrics.gauge('pangea_store_free_bytes', 'Bytes that the store can still take', () => disk.store.usage().freeBytes);
  metrics.gauge('pangea_store_records', 'Live records', () => disk.store.usage().records);
  metrics.gauge('pangea_objects_catalogue', 'Objects of the owner', () => objects.counts().catalogue);
  const sum = (what: 'allowed' | 'denied') => () => Object.values(network.admissions()).reduce((total, each) => total + each[what], 0);
  metrics.gauge('pangea_firewall_allowed', 'Connections that the allowlist let in', sum('allowed'));
  metrics.gauge('pangea_firewall_denied', 'Connections that the allowlist kept out, and messages that broke a rule of the graph', sum('denied'));
}

/** The parts that talk to others: firewall, libp2p host, DHT, transports, registry of peers. */
import { formatAddress, isLoopbackHost, multiaddrOf, settings, type NodeConfig } from '../config/config.ts';
import { openDht, peerRecordRules, peerRecordType, recordAcceptor, type Dht } from '../dht/dht.ts';
import type { Forced } from '../capabilities/capabilities.ts';
import { isPangeaError } from '../errors/errors.ts';
import { createFirewall, type Firewall, type FirewallCounters } from '../firewall/firewall.ts';
import { isLocalAddress, openJsHost, openNativeHost, type Host } from '../host/host.ts';
import type { NativeLoad } from '../native/native.ts';
import { openPeerRegistry, type PeerRegistry } from '../peers/peers.ts';
import { systemClock, systemRandom } from '../std/std.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';
import {
  combineTransports, observePaths, openLibp2pTransport, openQuicTransport, openWebrtcTransport,
  type Hello, type QuicTransport, type Transport, type WebrtcTransport,
} from '../transport/transport.ts';
import { greet } from './admission.ts';
import type { Disk } from './disk.ts';
import { nativeOf, wantsNative } from './paths.ts';
import { version } from './version.ts';

export interface Network {
  readonly firewall: Firewall;
  /** For listeners that know no membership: the list as configured, in a private network too. */
  readonly plainFirewall: Firewall;
  readonly host: Host;
  readonly dht: Dht;
  readonly quic: QuicTransport | undefined;
  /** Data channels through NATs, where servers for them are configured. */
  readonly webrtc: WebrtcTransport | undefined;
  readonly transport: Transport;
  readonly peers: PeerRegistry;
  /** Connections by listener: the firewall's own counts, and those of the enforcer inside the QUIC listener. */
  readonly admissions: () => Readonly<Record<string, FirewallCounters>>;
  /** What this node says of itself; also what others are told to dial. */
  readonly hello: () => Hello;
  /** The list that holds now: everybody in a private network without a list of its own. */
  readonly applyAllow: (config: NodeConfig) => void;
}

export interface NetworkOptions {
  readonly config: NodeConfig;
  readonly label: number;
  readonly disk: Disk;
  readonly forced: Forced;
  readonly native: NativeLoad;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called for each part as soon as it has to be closed again. */
  readonly opened: (part: string, close: (deadlineMs: number) => Promise<void>) => void;
}

const everybody = ['0.0.0.0/0', '::/0'] as const;

/** Validators by `<type>` of DHT values; values of other types are accepted from nobody. */
const recordRules = { [peerRecordType]: peerRecordRules };

/** In a private network membership is the gate, and the allowlist holds only when the operator gave one. */
function allowlist(config: NodeConfig, isPrivate: boolean): readonly string[] {
  // By identity: who writes the default down means it.
  const isDefault = config.allow === settings.allow.default;
  return isPrivate && isDefault ? everybody : config.allow;
}

export async function openNetwork(options: NetworkOptions): Promise<Network> {
  const { config, label, disk, forced, native, logger, metrics, opened } = options;
  const { identity, membership, kv, store } = disk;
  const firewall = createFirewall({ allow: allowlist(config, membership !== undefined) });
  const plainFirewall = createFirewall({ allow: config.allow });
  const { allow } = firewall;
  const peers = await openPeerRegistry({ kv, clock: systemClock, logger, metrics, localPeer: identity.peerId });
  opened('node registry', () => peers.flush());

  const isNative = wantsNative('host', forced, native);
  const withQuic = wantsNative('transport', forced, native);
  const sharesQuic = isNative && withQuic && sharesPort(config);
  if (isNative && config.dhtQuic === 'shared' && !sharesQuic) {
    logger.warn({ dht: formatAddress(config.dhtAddr), p2p: formatAddress(config.p2pAddr) }, 'libp2p takes a QUIC port of its own: the shards have no socket on the same network to share');
  }
  const hostOptions = {
    seed: identity.seed,
    listen: [multiaddrOf(config.dhtAddr), ...(isNative && !sharesQuic ? quicListen(config) : [])],
    advertise: config.advertise.filter((address) => address.startsWith('/')),
    ...(wantsNat(config) ? { nat: { relays: config.relay, serveRelay: config.serveRelay, upnp: config.upnp } } : {}),
    bootstrap: config.bootstrap,
    mdns: config.mdns === 'on' || (config.mdns === 'auto' && !isLoopbackHost(config.dhtAddr.host)),
    allow,
    acceptRecord: recordAcceptor(recordRules, systemClock),
    agentVersion: `pangea-node/${version}`,
    clock: systemClock,
    logger: logger.child({ part: 'host' }),
  };
  const nativeHost = isNative ? await openNativeHost({ ...hostOptions, native: nativeOf(native), sharedQuic: sharesQuic }) : undefined;
  const host = nativeHost
    ?? await openJsHost({ ...hostOptions, permits: (address) => firewall.decide(address) === 'allow' });
  opened('host', () => host.close());
  host.on({ refused: (address) => firewall.record('libp2p', 'deny', 1, address), connected: () => firewall.record('libp2p', 'allow', 1) });
  const dht = openDht({ host, clock: systemClock, logger: logger.child({ part: 'dht' }), rules: recordRules });
  opened('dht', () => dht.close());

  const hello = (): Hello => ({
    label, version,
    quicAddresses: quic?.addresses() ?? [],
    multiaddrs: multiaddrsOf(host, config),
    certificate: membership?.certificate ?? new Uint8Array(0),
    storing: config.storing,
    freeBytes: store.usage().freeBytes,
    failureDomain: config.failureDomain,
  });
  const admission = { membership, peers, firewall, clock: systemClock, logger };
  const transportOptions = {
    clock: systemClock, random: systemRandom, logger: logger.child({ part: 'transport' }), metrics, hello,
    onHello: (peer: Parameters<typeof greet>[1], said: Hello) => greet(admission, peer, said),
  };
  const advertised = config.advertise.filter((address) => !address.startsWith('/'));
  const quic = withQuic
    ? openQuicTransport({
        ...transportOptions, native: nativeOf(native), seed: identity.seed, listen: formatAddress(config.p2pAddr), allow,
        congestion: config.congestion, ...(advertised.length > 0 ? { advertise: advertised } : {}),
        ...(nativeHost && sharesQuic ? { onBound: (endpoint) => nativeHost.shareQuic(endpoint) } : {}),
      })
    : undefined;
  const libp2p = openLibp2pTransport({ ...transportOptions, host });
  const webrtc = await dataChannels();
  const transport = combineTransports([quic, webrtc, libp2p].filter((each) => each !== undefined));
  if (sharesQuic) observePaths(host, transport);
  opened('transport', (deadlineMs) => transport.close(deadlineMs));
  transport.on({ connected: (peer) => peers.connected(peer), disconnected: (peer) => peers.disconnected(peer) });

  /** Where the operator named servers for it: nobody else is asked. */
  async function dataChannels(): Promise<WebrtcTransport | undefined> {
    if (config.stun.length === 0 || !wantsNat(config)) return undefined;
    try {
      return await openWebrtcTransport({
        ...transportOptions, host, iceServers: config.stun,
        permits: (address) => !isLocalAddress(address) || firewall.decide(address) === 'allow',
      });
    } catch (error) {
      if (!isPangeaError(error, 'NOT_SUPPORTED')) throw error;
      logger.warn({ error: error.message }, 'peers behind a NAT are reached without data channels');
      return undefined;
    }
  }

  firewall.onChange((changed) => {
    host.setAllow(changed);
    quic?.setAllow(changed);
  });
  const applyAllow = (changed: NodeConfig): void => {
    firewall.setAllow(allowlist(changed, membership !== undefined));
    plainFirewall.setAllow(changed.allow);
  };
  const admissions = (): Readonly<Record<string, FirewallCounters>> => {
    const counted = quic?.admissions();
    return { ...plainFirewall.counters(), ...firewall.counters(), ...(counted ? { quic: { allowed: counted.allowed, denied: counted.denied } } : {}) };
  };
  return { firewall, plainFirewall, host, dht, quic, webrtc, transport, peers, admissions, hello, applyAllow };
}

/** Not where one of the two addresses means this machine alone: libp2p would be seen by more than it was to be, or by fewer. */
function sharesPort({ dhtQuic, dhtAddr, p2pAddr }: NodeConfig): boolean {
  return dhtQuic === 'shared' && isLoopbackHost(dhtAddr.host) === isLoopbackHost(p2pAddr.host);
}

/** A UDP port of the host's own: `shared` comes here too where there is no shard socket to share. */
function quicListen({ dhtAddr, dhtQuic }: NodeConfig): readonly string[] {
  return dhtQuic === 'off' ? [] : [`${multiaddrOf(dhtAddr).replace('/tcp/', '/udp/')}/quic-v1`];
}

function wantsNat({ nat, dhtAddr }: NodeConfig): boolean {
  return nat === 'on' || (nat === 'auto' && !isLoopbackHost(dhtAddr.host));
}

function multiaddrsOf(host: Host, config: NodeConfig): readonly string[] {
  const given = config.advertise.filter((address) => address.startsWith('/'));
  return given.length > 0 ? given : host.multiaddrs();
}

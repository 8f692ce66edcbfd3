import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ListenAddress } from './address.ts';
import {
  address, addressBlocks, addressOrOff, anyAddresses, boolean, bytes, choice, duration, graphStore, graphUrls, hostNames, iceServers, integer,
  multiaddrs, optional, origins, path, stageChoices, text, type Setting,
} from './setting.ts';

const loopback = (port: number): ListenAddress => Object.freeze({ host: '127.0.0.1', port });
const powerOfTwo = (value: number): boolean => Math.log2(value) % 1 === 0;
const none: readonly string[] = Object.freeze([]);

/** Keeps each setting's own value type while the table as a whole stays a plain object. */
function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

/** Every setting of the node. The name is the TOML key; flag and environment spellings follow from it. */
export const settings = {
  'node-id': setting<number | undefined>({
    type: optional(integer(0, 0xffff_ffff)), default: undefined, absent: 'the first four bytes of the node\'s public key',
    description: 'Label of this node in registries and RPC. Not an identity: two nodes may carry one label.',
  }),
  'data-dir': setting<string>({
    type: path, default: join(process.env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'pangea-node'),
    absent: '`$XDG_DATA_HOME/pangea-node`, or `~/.local/share/pangea-node`',
    description: 'Where identity, keys, shards and catalogue live. One node at a time.',
  }),
  'rpc-addr': setting<ListenAddress>({ type: address, default: loopback(8080), description: 'Cap\'n Proto RPC (TCP).' }),
  'p2p-addr': setting<ListenAddress>({ type: address, default: loopback(9090), description: 'QUIC between nodes (UDP).' }),
  'dht-addr': setting<ListenAddress>({ type: address, default: loopback(9091), description: 'libp2p: DHT and identity (TCP).' }),
  'http-addr': setting<ListenAddress>({ type: address, default: loopback(9092), description: 'Metrics, health and status (HTTP).' }),
  rpc: setting<boolean>({ type: boolean, default: true, description: 'Whether to offer RPC.' }),
  http: setting<boolean>({ type: boolean, default: true, description: 'Whether to offer HTTP.' }),
  'rpc-auth': setting<'token' | 'off'>({
    type: choice('token', 'off'), default: 'token',
    description: 'What RPC asks for before it lets a caller at private objects or controls: the token in `rpc-token` of the data directory, or nothing. '
      + 'The calls of the shared `NodeService` never ask.',
  }),
  'rpc-tls-cert': setting<string | undefined>({
    type: optional(path), default: undefined, absent: 'no TLS', description: 'PEM file with the certificate chain of the RPC port. Needs `rpc-tls-key`.',
  }),
  'rpc-tls-key': setting<string | undefined>({ type: optional(path), default: undefined, absent: 'no TLS', description: 'PEM file with its private key.' }),
  'rpc-tls-client-ca': setting<string | undefined>({
    type: optional(path), default: undefined, absent: 'any client', description: 'PEM file with the authority whose certificates RPC clients must have.',
  }),
  'dht-quic': setting<'shared' | 'own' | 'off'>({
    type: choice('shared', 'own', 'off'), default: 'shared',
    description: 'libp2p over QUIC: on the UDP port of `p2p-addr`, on the UDP port with the number of `dht-addr`, or not at all.',
  }),
  nat: setting<'auto' | 'on' | 'off'>({
    type: choice('auto', 'on', 'off'), default: 'auto',
    description: 'Being reached behind a NAT: relays, hole punching, and finding out whether it is needed. `auto`: on when the DHT listens beyond loopback.',
  }),
  relay: setting<readonly string[]>({
    type: multiaddrs, default: none, description: 'Nodes through which this one is reached while it cannot be reached directly. Bootstrap nodes are tried too.',
  }),
  'serve-relay': setting<boolean>({ type: boolean, default: true, description: 'Whether to carry connections of nodes behind a NAT, within limits.' }),
  upnp: setting<boolean>({ type: boolean, default: true, description: 'Whether to ask the gateway for ports, where `nat` is on.' }),
  stun: setting<readonly string[]>({
    type: iceServers, default: none, absent: 'none: no server is asked',
    description: 'STUN and TURN servers for WebRTC data channels, the last resort through a NAT: `stun:HOST:PORT` or `turn:USER:PASSWORD@HOST:PORT`.',
  }),
  bootstrap: setting<readonly string[]>({
    type: multiaddrs, default: none, description: 'Nodes to meet first. Repeat the flag for more than one.',
  }),
  advertise: setting<readonly string[]>({
    type: anyAddresses, default: none, absent: 'the addresses listened on',
    description: 'Addresses told to other nodes, where they differ from those listened on (port forwarding).',
  }),
  allow: setting<readonly string[]>({
    type: addressBlocks, default: Object.freeze(['127.0.0.0/8', '::1/128']), live: true,
    description: 'Who may connect, by address; also which private addresses may be dialled. A private network takes connections from anywhere, '
      + 'membership being the gate, unless a list is given; HTTP keeps to this list in any case.',
  }),
  mdns: setting<'auto' | 'on' | 'off'>({
    type: choice('auto', 'on', 'off'), default: 'auto',
    description: 'Finding nodes on the local network. `auto`: on when the DHT listens beyond loopback.',
  }),
  storing: setting<boolean>({ type: boolean, default: true, description: 'Whether to keep shards for other nodes.' }),
  quota: setting<number | undefined>({
    type: optional(bytes(16 * 1024 ** 2, 2 ** 50)), default: undefined, absent: 'none but the disk\'s',
    description: 'Most bytes of shards to keep, garbage included.',
  }),
  'foreign-quota': setting<number>({
    type: bytes(0, 2 ** 50), default: 1024 ** 3,
    description: 'Most bytes kept for peers of a mixed network that speak only `/pangea/rpc/1.0.0`. 0 takes nothing from them.',
  }),
  'graph-addr': setting<ListenAddress | 'off'>({
    type: addressOrOff, default: 'off', alone: '127.0.0.1:8765',
    description: 'The realtime graph, for gun.js and our own clients (WebSocket, path `/gun`). The flag alone means `127.0.0.1:8765`.',
  }),
  'graph-peers': setting<readonly string[]>({
    type: graphUrls, default: none, live: true,
    description: 'Relays of the graph to stay connected to: nodes like this one, or relays of gun.js. Nobody else is dialled, whatever peers suggest.',
  }),
  'graph-origins': setting<readonly string[]>({
    type: origins, default: Object.freeze(['loopback']), live: true,
    description: 'Pages that may use the graph of this node: `loopback` for those that this machine serves, `*` for all. Programs that are no page are not asked.',
  }),
  'graph-hosts': setting<readonly string[]>({
    type: hostNames, default: none, absent: '`localhost`, addresses, and the host of `graph-addr`', live: true,
    description: 'Further names by which pages reach the graph of this node, such as that of a reverse proxy. Requests to other names are refused.',
  }),
  'graph-store': setting<string>({
    type: graphStore, default: 'disk',
    description: 'Where the graph is kept: `disk` (`graph` in the data directory), `memory` (gone with the process), or a bucket of an S3-compatible service.',
  }),
  'graph-s3-credentials': setting<string | undefined>({
    type: optional(path), default: undefined, absent: 'the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`',
    description: 'File with the keys of the bucket, as AWS tools write it (`aws_access_key_id = …`, `aws_secret_access_key = …`); of several profiles the first counts.',
  }),
  'graph-large-value': setting<number>({
    type: bytes(0, 2 ** 30, (value) => value === 0 || value >= 1024, ', 0 or at least 1KiB'), default: 0,
    description: 'Values of the graph beyond so many bytes become objects of the shard store, kept by several nodes; needs peers that store. 0 keeps all values in the graph\'s own store.',
  }),
  'graph-memory': setting<number>({
    type: bytes(1024 ** 2, 2 ** 40), default: 256 * 1024 ** 2,
    description: 'Memory for nodes of the graph that are kept at hand; others are read from the store when they are asked for. With `graph-store = "memory"` all are kept.',
  }),
  'graph-max-message': setting<number>({
    type: bytes(4 * 1024 ** 2, 90 * 1024 ** 2), default: 4 * 1024 ** 2,
    description: 'Largest frame that is taken from a peer of the graph, in letters of one byte; what is larger is refused, and costs its sender points. Nodes send each other frames of up to 4 MiB, so no less can be set.',
  }),
  'graph-writes-per-second': setting<number>({
    type: integer(1, 10_000_000), default: 300_000,
    description: 'Fields that one address may write to the graph in a second, on average, and at once. What comes faster is read later.',
  }),
  'graph-connections': setting<number>({
    type: integer(1, 100_000), default: 20_000, description: 'Most connections to the graph at one time.',
  }),
  'segment-bytes': setting<number>({
    type: bytes(64 * 1024, 4 * 1024 ** 2, powerOfTwo, ' that is a power of two'), default: 1024 ** 2,
    description: 'Plaintext per sealed segment of large objects. Smaller saves memory and makes small range reads cheaper.',
  }),
  compression: setting<'auto' | 'store'>({
    type: choice('auto', 'store'), default: 'auto',
    description: '`auto`: a sample of each segment decides whether and how hard. `store`: never, for data known to be compressed.',
  }),
  'compression-min': setting<number>({ type: integer(1, 19), default: 3, description: 'Lowest zstd level that `auto` takes.' }),
  'compression-max': setting<number>({ type: integer(1, 19), default: 9, description: 'Highest zstd level that `auto` takes.' }),
  ack: setting<'memory' | 'some' | 'all'>({
    type: choice('memory', 'some', 'all'), default: 'all',
    description: 'When a put is acknowledged: shards in the holders\' memory, on 9 of 12 disks, or on all 12. A put can choose its own.',
  }),
  'repair-grace': setting<number>({
    type: duration(1000, 30 * 86_400_000), default: 15 * 60_000, live: true,
    description: 'How long a holder may be silent before its shards are made anew elsewhere.',
  }),
  'repair-interval': setting<number>({
    type: duration(100, 86_400_000), default: 60_000, live: true, description: 'Pause between two looks at the held objects.',
  }),
  'failure-domain': setting<string>({
    type: text, default: '', description: 'Rack, host or operator. Nodes of one domain get as few shards of one object as possible.',
  }),
  congestion: setting<'bbr' | 'cubic'>({
    type: choice('bbr', 'cubic'), default: 'bbr', description: 'QUIC\'s congestion control. `bbr` keeps its rate on lossy paths.',
  }),
  force: setting<readonly string[]>({
    type: stageChoices, default: none, description: 'Takes a path that `plan` would not choose, or hides a feature of the machine from the choice; refuses to start when it cannot be met. Repeatable.',
  }),
  'log-level': setting<'debug' | 'info' | 'warn' | 'error'>({
    type: choice('debug', 'info', 'warn', 'error'), default: 'warn', live: true,
    description: 'Least severity of the JSON logs on stderr. `--verbose` means `debug`.',
  }),
  'stop-deadline': setting<number>({
    type: duration(100, 600_000), default: 10_000, description: 'How long a stopping node lets work under way finish.',
  }),
} as const;

export type SettingName = keyof typeof settings;
export const settingNames = Object.freeze(Object.keys(settings)) as readonly SettingName[];

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;
type ValueOf<K extends SettingName> = (typeof settings)[K] extends Setting<infer T> ? T : never;

/** The frozen result: every setting by its name in camel case, e.g. `config.p2pAddr`. */
export type NodeConfig = { readonly [K in SettingName as Camel<K>]: ValueOf<K> };

export const propertyOf = (name: SettingName): keyof NodeConfig =>
  name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()) as keyof NodeConfig;
export const environmentNameOf = (name: string): string => `PANGEA_${name.replaceAll('-', '_').toUpperCase()}`;

/**
 * The one libp2p swarm of the process: identity, addresses, streams, mDNS. Two backends, one contract:
 * `native` (rust-libp2p in the addon) and `js` (js-libp2p where there is no addon).
 *
 * TCP + Noise + Yamux and (native) QUIC, identify `/pangea/1.0.0`, ping, Kademlia `/pangea/kad/1.0.0` in server mode.
 * Loopback and private addresses are usable when `dialPolicy` lets them pass. Inbound connections are checked against
 * `allow` before any protocol byte is answered.
 */
import type { Body } from '../body/body.ts';
import type { PeerId } from '../ids/ids.ts';

export const kadProtocol = '/pangea/kad/1.0.0';
export const identifyProtocol = '/pangea/1.0.0';
export const maxRecordBytes = 10_000;

export interface HostOptions {
  /** 32-byte Ed25519 seed: the same as the node's identity. */
  readonly seed: Uint8Array;
  /** Multiaddrs to listen on, e.g. `/ip4/127.0.0.1/tcp/9091`, and with `native` `/ip4/127.0.0.1/udp/9091/quic-v1`. */
  readonly listen: readonly string[];
  readonly bootstrap: readonly string[];
  readonly mdns: boolean;
  /** CIDR blocks from which connections are taken and to which addresses learned from peers may be dialled. */
  readonly allow: readonly string[];
  /** Inbound records: return true to keep. Runs in TypeScript, so one validator serves all backends. */
  readonly acceptRecord: (key: Uint8Array, value: Uint8Array, held: Uint8Array | undefined) => boolean;
  readonly agentVersion: string;
  /** Addresses that others are told instead of those found out, for port forwarding. */
  readonly advertise?: readonly string[];
  /** Traversal of NATs. Absent: nothing but plain dials. The JavaScript backend has none of it and says so in `natReport`. */
  readonly nat?: NatOptions;
}

export interface NatOptions {
  /** Nodes to be reached through while others do not reach this one directly: multiaddrs with `/p2p/`. Bootstrap nodes are tried too. */
  readonly relays: readonly string[];
  /** Whether to carry others' connections as a relay (circuit relay v2), within `RELAY_…` of `native/p2p/src/limits.rs`. */
  readonly serveRelay: boolean;
  /** Ask the gateway for a port. */
  readonly upnp: boolean;
}

export const gossipLimits = { topics: 64, messageBytes: 64 * 1024, queuedMessages: 1024 } as const;

export type ConnectionPath = 'direct' | 'punched' | 'relayed';
export type Reachability = 'public' | 'private' | 'unknown';

export interface NatReport {
  readonly reachability: Reachability;
  /** Where others said that they see this node. */
  readonly observed: readonly string[];
  /** Where others confirmed to reach it. */
  readonly confirmed: readonly string[];
  readonly upnp: { readonly state: 'off' | 'searching' | 'mapped' | 'none' | 'failed'; readonly detail: string };
  readonly relays: readonly { readonly relay: string; readonly state: 'reserved' | 'pending' | 'failed'; readonly detail: string }[];
  /** The last 32 attempts. */
  readonly punches: readonly { readonly peer: PeerId; readonly ok: boolean; readonly tookMs: number; readonly detail: string }[];
  /** Circuits and bytes that this node carries for others now. */
  readonly carrying: { readonly circuits: number; readonly reservations: number };
}

export interface HostPeer {
  readonly peer: PeerId;
  readonly multiaddrs: readonly string[];
}

export interface HostEvents {
  connected(peer: PeerId, remoteAddress: string): void;
  disconnected(peer: PeerId): void;
  /** Found by mDNS, identify or the DHT: an address book entry, not a connection. */
  discovered(found: HostPeer, source: 'mdns' | 'identify' | 'dht'): void;
  refused(remoteAddress: string): void;
  /** The way to a connected peer became another one, e.g. `relayed` to `punched`. */
  path(peer: PeerId, path: ConnectionPath, remoteAddress: string): void;
}

/** One bidirectional stream. Reads give at most 1 MiB at a time; writes resolve when the stream takes more. */
export interface HostStream {
  readonly peer: PeerId;
  readonly protocol: string;
  /** Next bytes, or `undefined` after the remote closed its side. */
  read(): Promise<Body | undefined>;
  write(body: Body): Promise<void>;
  closeWrite(): Promise<void>;
  /** Drops the stream at once. Safe to repeat, and after a clean end. */
  reset(): void;
}

export interface Host {
  readonly name: 'native' | 'js';
  readonly peerId: PeerId;
  /** With the real port after listening, each ending in `/p2p/<peerId>`. */
  multiaddrs(): readonly string[];
  connectedPeers(): readonly PeerId[];
  /** Connects; with a `/p2p/` part the identity must match (`PEER_MISMATCH`). Throws `PEER_UNREACHABLE`, `DIAL_REFUSED`, `TIMEOUT`. */
  dial(multiaddr: string, timeoutMs?: number): Promise<PeerId>;
  disconnect(peer: PeerId): Promise<void>;
  addAddresses(peer: PeerId, multiaddrs: readonly string[]): void;
  handle(protocol: string, handler: (stream: HostStream) => Promise<void>): void;
  /** Dials if needed. Throws `PEER_UNREACHABLE`, `PROTOCOL` when the peer does not speak it. */
  openStream(peer: PeerId, protocol: string, timeoutMs?: number): Promise<HostStream>;
  on(events: Partial<HostEvents>): void;
  setAllow(cidrs: readonly string[]): void;
  /** The best way to a peer that is open now. */
  pathTo(peer: PeerId): ConnectionPath | undefined;
  natReport(): NatReport;
  /**
   * Gossipsub (v1.1, signed, no anonymous authors): messages of at most 64 KiB to everybody on a topic. `onMessage` returns
   * false for an invalid message, which is then not passed on and counts against who sent it. Returns what ends it.
   */
  subscribe(topic: string, onMessage: (from: PeerId, data: Uint8Array) => boolean): () => void;
  /** Rejects with `NOT_ENOUGH_PEERS` when nobody else is on the topic, `TOO_LARGE`. */
  publish(topic: string, data: Uint8Array): Promise<void>;
  readonly kad: KadOperations;
  close(): Promise<void>;
}

export interface FoundRecord {
  readonly value: Uint8Array;
  /** Who holds it; `undefined` for this node itself. */
  readonly peer: PeerId | undefined;
}

/** Kademlia as the backends give it; `dht` puts keys, validation, selection and limits on top. */
export interface KadOperations {
  bootstrap(): Promise<void>;
  /** `key`: a sha2-256 multihash, `12 20` + 32 bytes. */
  startProviding(key: Uint8Array): Promise<void>;
  stopProviding(key: Uint8Array): Promise<void>;
  providers(key: Uint8Array, limit: number, timeoutMs: number): Promise<readonly HostPeer[]>;
  /** Rejects with `NOT_ENOUGH_PEERS` when no other peer answered that it took the value. */
  putRecord(key: Uint8Array, value: Uint8Array): Promise<void>;
  /** All values found, not only the first, with who gave them. */
  getRecord(key: Uint8Array, timeoutMs: number): Promise<readonly FoundRecord[]>;
  closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly HostPeer[]>;
  routingTablePeers(): readonly HostPeer[];
}

export { serveStream } from './serve.ts';
export { isLocalAddress } from './addresses.ts';
export { type NativeHost, type NativeHostOptions, openNativeHost } from './native.ts';
export { type JsHostOptions, openJsHost } from './js.ts';

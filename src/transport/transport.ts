/**
 * Requests between peers: the shard protocol `pangea/1` over QUIC (native), over libp2p streams, or in memory.
 *
 * One request a bidirectional stream: type u8, length u32, fixed struct, then the body to the end of the
 * stream; answer: status u16, length u32, struct, body (`schema/shard-protocol.md`, one file per message
 * in `messages/`). Peers are authenticated by their Ed25519 identity before any request is served.
 *
 * Bodies travel as handles: on the QUIC path their bytes go between socket, store and codec without entering JavaScript.
 * Bounds: `limits` below. A request that times out or whose signal aborts resets its stream and never leaks one.
 * It never retries by itself, and never serves a peer that the gate refused.
 */
import type { Body } from '../body/body.ts';
import type { PeerId } from '../ids/ids.ts';

export const limits = {
  /** Largest fixed struct in front of a body. */
  structBytes: 1024 * 1024,
  /** Largest body of a request or an answer: one shard of the largest segment, or a layout page set. */
  bodyBytes: 16 * 1024 * 1024,
  /** Requests that one peer may have under way here. */
  requestsPerPeer: 256,
  /** Requests under way here in all; beyond it the answer is `busy`. */
  requestsTotal: 1024,
  /** Bytes of bodies being received at one time, over all peers. */
  bodyBytesInFlight: 64 * 1024 * 1024,
  connections: 4096,
  defaultTimeoutMs: 30_000,
} as const;

/** The answer's status on the wire. Numbers never change. */
export const status = {
  ok: 0, notFound: 1, badRequest: 2, denied: 3, full: 4, busy: 5, mismatch: 6, conflict: 7, tooLarge: 8, gone: 9, internal: 10,
} as const;
export type Status = (typeof status)[keyof typeof status];

/** Durability reached, in the answers of `put` and `layout`. */
export const durabilityCode = { memory: 0, fsync: 1 } as const;

export interface PutRequest {
  readonly type: 'put';
  /** 32 bytes: root, or upload id. */
  readonly object: Uint8Array;
  readonly stripe: number;
  readonly row: number;
  /** BLAKE3-256 of the body. */
  readonly identity: Uint8Array;
  readonly durability: 'memory' | 'fsync';
  /** True when a live holder restores a lost shard; then `object` is a root whose layout the receiver has. */
  readonly repair: boolean;
}
export interface GetRequest {
  readonly type: 'get';
  readonly object: Uint8Array;
  /** `recordKind` of the store: shard, header, page, manifest, holders. */
  readonly kind: number;
  readonly stripe: number;
  readonly row: number;
  /** Range in the payload; length 0 means to the end. */
  readonly offset: number;
  readonly length: number;
}
export interface HaveRequest {
  readonly type: 'have';
  readonly root: Uint8Array;
  readonly firstStripe: number;
  /** How many stripes are asked for; at most 65,536. 0 asks for the object as a whole only. */
  readonly stripes: number;
}
export interface StatRequest {
  readonly type: 'stat';
}
/** Commits an upload or hands over a layout. The body is header ‖ pages ‖ manifest ‖ inline shards. */
export interface LayoutRequest {
  readonly type: 'layout';
  readonly root: Uint8Array;
  /** The upload id that its shards were put under; equal to the root when they were put under the root. */
  readonly object: Uint8Array;
  readonly headerBytes: number;
  readonly pageBytes: readonly number[];
  readonly manifestBytes: number;
  /** Shards inside the body, behind the manifest, in this order: all records of a small object in one request. */
  readonly inline: readonly { readonly stripe: number; readonly row: number; readonly byteLength: number }[];
  /** Placement slots (0–11, bit mask) whose shards the receiver must hold before it answers ok. */
  readonly slots: number;
  /** PeerIds by slot, a hint whom to ask; '' where unknown. 12 of them. */
  readonly holders: readonly string[];
  readonly durability: 'memory' | 'fsync';
}
export interface DeleteRequest {
  readonly type: 'delete';
  readonly root: Uint8Array;
  /** 32 bytes; its hash is the layout's delete tag. */
  readonly secret: Uint8Array;
}
export interface PingRequest {
  readonly type: 'ping';
}
/** First request on every connection: who I am, beyond the key. */
export interface HelloRequest {
  readonly type: 'hello';
  readonly hello: Hello;
}
export interface Hello {
  /** `--node-id`, a label. */
  readonly label: number;
  readonly version: string;
  /** `host:port` of the QUIC listener, as the peer advertises it; '' when it has none. */
  readonly quicAddresses: readonly string[];
  /** libp2p multiaddrs. */
  readonly multiaddrs: readonly string[];
  /** Membership certificate (see identity), empty in an open network. */
  readonly certificate: Uint8Array;
  /** False for peers that do not store for others. */
  readonly storing: boolean;
  readonly freeBytes: number;
  /** Text that groups peers which fail together (rack, host, operator); '' when unset. */
  readonly failureDomain: string;
}

export type Request =
  | PutRequest | GetRequest | HaveRequest | StatRequest | LayoutRequest | DeleteRequest | PingRequest | HelloRequest;

/** Answer's struct by request type; `undefined` struct fields are absent unless status is ok. */
export interface Answers {
  put: { readonly durability: 'memory' | 'fsync' };
  get: { readonly totalBytes: number };
  /** `masks[i]` has bit r set when row r of stripe firstStripe+i is here. `known`: the layout is here. */
  have: { readonly known: boolean; readonly deleted: boolean; readonly masks: Uint16Array };
  stat: { readonly liveBytes: number; readonly freeBytes: number; readonly objects: number; readonly label: number };
  /** Shards that are expected by `slots` but not here (at most 4,096 are named). Empty when the commit is done. */
  layout: { readonly durability: 'memory' | 'fsync'; readonly missing: readonly { stripe: number; row: number }[] };
  delete: { readonly removedRecords: number };
  ping: Record<never, never>;
  hello: { readonly hello: Hello };
}

export type Reply<T extends Request['type'] = Request['type']> =
  | { readonly status: 0; readonly answer: Answers[T]; readonly body: Body }
  | { readonly status: Exclude<Status, 0>; readonly message: string };

export interface RequestOptions {
  /** Bytes that follow the struct. The transport does not release it. */
  readonly body?: Body;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Serves one request. It owns `body` (released by the transport after the promise settles). Must not throw for remote input. */
export type RequestHandler = (peer: PeerId, request: Request, body: Body) => Promise<Reply>;

export interface PeerTransportEvents {
  /** Authenticated and greeted. */
  connected(peer: PeerId, remoteAddress: string): void;
  disconnected(peer: PeerId, reason: string): void;
}

export interface Transport {
  readonly name: 'quic' | 'libp2p' | 'webrtc' | 'memory' | 'combined';
  readonly localPeer: PeerId;
  /** What others can dial: `host:port` for QUIC, multiaddrs for libp2p. Known after `listen`. */
  addresses(): readonly string[];
  /** Starts serving. Rejects with `PORT_IN_USE` or `ADDRESS_INVALID`. */
  listen(handler: RequestHandler): Promise<void>;
  /** Where a peer can be reached; replaces what was known. A peer without addresses is dialled only if already connected. */
  setAddresses(peer: PeerId, addresses: readonly string[]): void;
  /**
   * One request, one answer. Throws `PEER_UNREACHABLE`, `PEER_MISMATCH`, `TIMEOUT`, `ABORTED` or `PROTOCOL`;
   * a status other than ok is a value. The caller releases the answer's body.
   */
  request<T extends Request['type']>(peer: PeerId, request: Extract<Request, { type: T }>, options?: RequestOptions): Promise<Reply<T>>;
  /** Dials an address of an unknown peer and says who answered. */
  connect(address: string, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<PeerId>;
  connectedPeers(): readonly PeerId[];
  disconnect(peer: PeerId): Promise<void>;
  on(events: Partial<PeerTransportEvents>): void;
  /** Stops accepting, lets requests under way finish until the deadline, then closes. Safe to repeat. */
  close(deadlineMs: number): Promise<void>;
}

export { openQuicTransport } from './quic.ts';
export { type QuicTransport, type QuicTransportOptions } from './quic-options.ts';
export { openLibp2pTransport, shardProtocol, type Libp2pTransportOptions } from './libp2p.ts';
export { openWebrtcTransport, type WebrtcTransport, type WebrtcTransportOptions } from './webrtc.ts';
export { fetchForeign, serveForeign, storeForeign } from './foreign.ts';
export { MemoryNetwork } from './memory.ts';
export { combineTransports, type CombinedTransport } from './combined.ts';
export { observePaths } from './observed.ts';

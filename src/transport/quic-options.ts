/** What a QUIC transport is made of, and what it has beyond the others. */
import type { PeerId } from '../ids/ids.ts';
import type { Native } from '../native/native.ts';
import type { Clock, Random } from '../std/std.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';
import type { Hello, Transport } from './transport.ts';

export type Endpoint = InstanceType<Native['QuicEndpoint']>;

export interface QuicTransportOptions {
  readonly native: Native;
  /** 32-byte Ed25519 seed: the node's identity. */
  readonly seed: Uint8Array;
  /** `IP:port`; `:9090` means every interface; port 0 takes a free one. */
  readonly listen: string;
  /** `host:port` that others are told instead of the bound addresses. */
  readonly advertise?: readonly string[];
  /** CIDR blocks from which connections are taken, and whose private addresses may be dialled. */
  readonly allow: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly hello: () => Hello;
  /** False refuses the peer. Runs on both sides of every connection. */
  readonly onHello: (peer: PeerId, hello: Hello) => boolean;
  /** Called with the bound socket before `listen` resolves; for who shares it. What it rejects with, `listen` rejects with. */
  readonly onBound?: (endpoint: Endpoint) => Promise<void>;
  /** Default `bbr`: see `docs/internals/transport.md` for the measurement. */
  readonly congestion?: 'cubic' | 'bbr';
}

/** A transport with what only QUIC has. */
export interface QuicTransport extends Transport {
  readonly name: 'quic';
  /** Replaces the allowlist of the listener, and disconnects who came in and is no longer on it. Throws `CONFIG_INVALID`. */
  setAllow(allow: readonly string[]): void;
  /** Connection attempts since `listen`, by outcome; `guest`: of libp2p on the same socket. */
  admissions(): ReturnType<Endpoint['counters']>;
  /** Requests of peers that are being served, and own requests that wait for an answer. */
  load(): { serving: number; requesting: number };
}

/** Before the socket is bound. */
export const nobody = {
  allowed: 0, denied: 0, refusedAlpn: 0, refusedHandshake: 0, refusedFull: 0, guestConnections: 0, guestRefusedHandshake: 0, guestRefusedFull: 0,
} as const;

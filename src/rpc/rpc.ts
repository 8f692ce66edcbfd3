/**
 * The Cap'n Proto surface: what programs in other languages can ask of a running node.
 *
 * One bootstrap capability, `PangeaNode`, which is also the `NodeService` of the existing network (`schema/pangea.capnp`,
 * `schema/rpc.md`). All of it runs in a worker thread of its own, sockets, TLS, engine and messages; the node's thread sees
 * small structs and transferred chunks, so that a message of 16 MiB never holds the node up.
 *
 * Promises: a client cannot end, stall or fill the node (`limits`); what a client began ends with its connection; a capability
 * that was narrowed never gives more than it says; a revoked one answers `DENIED` at once.
 * Never: a private object without a session, a token or link in a log.
 */
import type { NodeApi } from '../api/api.ts';
import type { Logger, Metrics } from '../telemetry/telemetry.ts';

/** Every bound of the surface; named in `schema/rpc.md`. */
export const limits = {
  /** One message: a whole block of 64 MiB, and its twelve shards, fit. */
  messageBytes: 128 * 1024 * 1024,
  traversalWords: 64 * 1024 * 1024,
  nesting: 64,
  unansweredCalls: 1024,
  capabilities: 4096,
  connectionMemoryBytes: 256 * 1024 * 1024,
  /** Over all connections. */
  memoryBytes: 1024 * 1024 * 1024,
  connections: 1024,
  connectionsPerAddress: 600,
  /** Output that a client has not taken; beyond it nothing more is read from it, and `unreadTimeoutMs` later it is cut off. */
  unreadBytes: 32 * 1024 * 1024,
  unreadTimeoutMs: 30_000,
  /** Best size of a chunk in a streaming put or get. */
  chunkBytes: 1024 * 1024,
  /** Bytes under way to one sink that are not acknowledged. */
  streamWindowBytes: 8 * 1024 * 1024,
  /** Events that wait for one listener; more are dropped and counted. */
  events: 1024,
  subscriptionsPerConnection: 16,
  transfersPerConnection: 64,
  sessionsPerConnection: 256,
} as const;

export interface RpcServerOptions {
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly api: NodeApi;
  /** Text that `login` must show; `undefined` when the operator switched tokens off. */
  readonly token: string | undefined;
  /** PEM. With `clientCa` only clients with a certificate of that authority are let in. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly clientCa?: string } | undefined;
  /** The firewall's verdict on a source address, asked once for each connection. */
  readonly admit: (remoteAddress: string) => boolean;
  /** `wasm` where there is no addon. */
  readonly engine: 'native' | 'wasm';
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface RpcServer {
  /** The real one. */
  readonly port: number;
  readonly engine: 'native' | 'wasm';
  counts(): { readonly connections: number; readonly calls: number; readonly memoryBytes: number };
  /** Refuses new calls, lets those under way finish until the deadline, then closes. Safe to repeat. */
  close(deadlineMs: number): Promise<void>;
}

export { openRpcServer } from './server.ts';

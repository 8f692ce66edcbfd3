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

export interface RpcServerOptions {
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly api: NodeApi;
  /** Text that `login` must show, or where to look it up at each login; `undefined` when the operator switched tokens off. */
  readonly token: string | (() => Promise<string>) | undefined;
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
  /** False between a crash of the thread and its next start. */
  readonly isUp: boolean;
  counts(): { readonly connections: number; readonly calls: number; readonly memoryBytes: number };
  /** Refuses new calls, lets those under way finish until the deadline, then closes. Safe to repeat. */
  close(deadlineMs: number): Promise<void>;
}

export { limits } from './limits.ts';
export { openRpcServer } from './server.ts';

/** What the servants of one connection share. */
import type { NodeStatus } from '../../api/api.ts';
import type { Clock } from '../../std/std.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import type { PiecePool } from '../bridge/bytes.ts';
import type { RpcNode } from '../rpc-node.ts';
import type { LoginDelays } from './login-delays.ts';
import type { ChunkMemory } from './method.ts';

/** What a connection may have only so many of. */
export type Slot = 'session' | 'transfer' | 'subscription';
export type Counter = 'calls' | 'exceptions' | 'refusals' | 'bytesIn' | 'bytesOut';

/** What never changes while a node runs. */
export interface AboutFacts extends Pick<NodeStatus, 'version' | 'nodeId' | 'peerId' | 'network'> {
  readonly isTokenNeeded: boolean;
}

export interface Surface {
  readonly node: RpcNode;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logins: LoginDelays;
  readonly chunks: ChunkMemory;
  /** Of chunks on their way to the node. */
  readonly pieces: PiecePool;
  /** Of the client, without its port. */
  readonly address: string;
  /** Aborted when the connection ends. */
  readonly signal: AbortSignal;
  /** Aborted when the server closes: nothing new begins. */
  readonly closing: AbortSignal;
  facts(): Promise<AboutFacts>;
  /** Takes a slot until the returned function is called. Throws `TOO_MANY`. */
  take(slot: Slot): () => void;
  /** Waits for room among the blocks that are being worked on; gives what returns it. */
  block(bytes: number, signal: AbortSignal): Promise<() => void>;
  /** Memory that this connection makes the surface hold; negative gives it back. Beyond the limit nothing more is read. */
  hold(bytes: number): void;
  /** Resolves when the client took enough of its output for more to be made. Rejects when the signal is aborted. */
  pace(signal: AbortSignal): Promise<void>;
  count(counter: Counter, label: string, amount?: number): void;
}

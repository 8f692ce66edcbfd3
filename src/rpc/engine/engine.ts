/**
 * One Cap'n Proto RPC connection without I/O: bytes in; bytes, calls, cancellations and releases out. It knows no schema.
 *
 * Two variants of one crate (`native/rpc`, on the crate `capnp-rpc`): in the addon, and as a committed WebAssembly module.
 * Both pass `test/conformance/rpc-engine.ts`. An engine runs wherever it was made (the node makes it in a worker thread),
 * synchronously: `receive` dispatches calls and produces output before it returns.
 *
 * Level 1: pipelining on answers that are not there yet, callbacks, release, exceptions with a reason, cancellation.
 * Promises: hostile bytes end their connection and nothing else; after `close` nothing of the connection is left, every
 * servant of it was dropped once and every call aborted.
 */
import type { Message } from 'capnp-es';

export interface EngineLimits {
  /** Of one message on the wire, both ways. */
  readonly messageBytes: number;
  /** Words that reading one message may visit. */
  readonly traversalWords: number;
  readonly nesting: number;
  /** Calls of the remote that are not answered yet. Beyond it the connection is not read until one is. */
  readonly unansweredCalls: number;
  /** Capabilities that the remote holds of us, and we of it. */
  readonly capabilities: number;
  /** Memory of one connection: messages being received, calls' parameters, results kept for pipelining, output not taken. */
  readonly memoryBytes: number;
}

/** An object of ours that the remote can call. One servant may be exported many times; it is dropped when the last is gone. */
export interface Servant {
  /**
   * Runs one call. A `PangeaError` becomes an exception with the reason `CODE: message`; its type is `unimplemented` for
   * `NOT_SUPPORTED`, `overloaded` for `PEER_BUSY` and `TOO_MANY`, else `failed`. Anything else thrown is `INTERNAL`, without details.
   * Calls on one servant begin in the order in which they came; streaming methods run one at a time.
   */
  dispatch(call: IncomingCall): Promise<Outcome> | Outcome;
  /** Methods that are `-> stream`: the next call on this servant begins when they are done. */
  isStreaming?(interfaceId: bigint, methodId: number): boolean;
  /** Nobody holds it any more: released, the connection ended, or the results that bring it came too late. Called once. */
  dropped?(): void;
}

export interface IncomingCall {
  readonly interfaceId: bigint;
  readonly methodId: number;
  /** `params.getRoot(LoginRequest)`; its capabilities by `capabilityAt` (`capabilities.ts`). */
  readonly params: Message;
  /** By index, as interface pointers in `params` name them. Remote ones are released after the answer unless `keep` was called. */
  readonly capabilities: readonly (Capability | undefined)[];
  /** Finished early by the caller, or the connection ended. */
  readonly signal: AbortSignal;
}

export interface Outcome {
  /** With its capabilities, when they were put in by `setCapability` (`capabilities.ts`). */
  readonly results: Message;
  /** Instead, by index, as interface pointers in `results` name them. */
  readonly capabilities?: readonly (Servant | RemoteCapability)[];
}

/** Ours come back as the servant itself. */
export type Capability = Servant | RemoteCapability;

/** An object of the remote's. */
export interface RemoteCapability {
  /** Rejects with `PEER_REFUSED` and the remote's reason, `NOT_SUPPORTED` when unimplemented, `PEER_UNREACHABLE` when the connection ended. */
  call(interfaceId: bigint, methodId: number, params: Message, capabilities?: readonly Capability[]): Promise<Answered>;
  /** Holds it beyond the call that brought it. */
  keep(): void;
  release(): void;
}

export interface Answered {
  readonly results: Message;
  readonly capabilities: readonly (Capability | undefined)[];
}

export interface ConnectionOptions {
  readonly bootstrap: Servant;
  readonly limits: EngineLimits;
  /** Output in order; called from within `receive`, and whenever a call is answered or made. The bytes are the callee's to keep. */
  readonly send: (bytes: Uint8Array) => void;
  /** Called once: a protocol error, a limit (`TOO_LARGE`, `TOO_MANY`), or `undefined` when the remote said goodbye. */
  readonly ended: (reason: Error | undefined) => void;
  /** What a servant threw that is no `PangeaError`, and the caller is not told. */
  readonly fault?: (error: unknown) => void;
}

export interface EngineConnection {
  /** What the remote gives first. Calls on it can be made at once. */
  bootstrap(): RemoteCapability;
  /** Bytes of the socket, cut anywhere. The engine copies what it keeps. */
  receive(bytes: Uint8Array): void;
  /** True while calls or memory stand at their limit: read no further from the socket until `resumed` is called. */
  readonly isPaused: boolean;
  onResumed(listener: () => void): void;
  counts(): EngineCounts;
  /** Safe to repeat. */
  close(): void;
}

export interface EngineCounts {
  readonly unansweredCalls: number;
  readonly exported: number;
  readonly imported: number;
  readonly memoryBytes: number;
}

export interface Engine {
  readonly name: 'native' | 'wasm';
  connect(options: ConnectionOptions): EngineConnection;
}

export { openNativeEngine } from './native.ts';
export { openWasmEngine } from './wasm.ts';

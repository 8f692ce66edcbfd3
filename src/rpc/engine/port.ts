/**
 * The engine as both variants give it: commands in, records out. Records are those of `native/rpc/src/events.rs`.
 *
 * A record is kind, length in words, then its words, all 32 bits. Capabilities: count, then for each 0 for none, `n` for
 * reference `n` to an object of the remote, `-1 - s` for servant `s`. A message: handle, count of segments, bytes of each;
 * with handle 0 the segments follow, else they are taken by it.
 */
import type { EngineCounts, EngineLimits } from './engine.ts';

export const kinds = { call: 1, cancel: 2, returned: 3, failed: 4, dropped: 5, splice: 6, ended: 7 } as const;
/** Types of exceptions, as the protocol numbers them. */
export const failures = { failed: 0, overloaded: 1, disconnected: 2, unimplemented: 3 } as const;
/** Words before the records: bytes of records, bytes of output, 1 when paused, 1 when over or 2 when it broke. */
export const statusBytes = 16;
/** More than the longest record. */
export const roomBytes = 64 * 1024;

export interface Port {
  receive(bytes: Uint8Array): void;
  /** `head` is the finished message in one segment; or, with a handle, its first word, and `bytes` its length. */
  answer(call: number, head: Uint8Array, bytes: number, handle: number, capabilities: Int32Array): void;
  throw(call: number, failure: number, reason: string): void;
  call(question: number, target: number, interfaceLow: number, interfaceHigh: number, method: number, head: Uint8Array, bytes: number, handle: number, capabilities: Int32Array): void;
  release(handle: number): void;
  bootstrap(): number;
  close(): void;
  /** Fills `room` with the status and with whole records; again, as long as there are records. */
  settle(room: Uint8Array): void;
  /** Moves the output into `room`, which is as long as it. */
  takeOutput(room: Uint8Array): void;
  takeMessage(handle: number): readonly Uint8Array[];
  counts(): EngineCounts;
}

export type OpenPort = (limits: EngineLimits) => Port;

/** What the node's thread and the surface's thread tell each other. Sent in batches, one a turn of the event loop. */
import type { ErrorCode } from '../../errors/errors.ts';

/** An error across threads. Bugs of the node arrive as `INTERNAL` without their text. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Both ways: who has items is the source, who takes them the sink. An id is the source's. */
export type StreamMessage =
  | { readonly type: 'item'; readonly stream: number; readonly item: unknown }
  | { readonly type: 'end'; readonly stream: number; readonly error?: WireError }
  /** From the sink: so many bytes were taken, and here is memory that it is done with. */
  | { readonly type: 'credit'; readonly stream: number; readonly bytes: number; readonly memory?: ArrayBuffer }
  /** From the sink: no more is wanted. */
  | { readonly type: 'stop'; readonly stream: number };

/** From the surface to the node. */
export type CallMessage =
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'admit'; readonly id: number; readonly address: string }
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'failed'; readonly error: WireError }
  | { readonly type: 'closed' }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly fields: Record<string, unknown>; readonly text: string }
  | { readonly type: 'tally'; readonly amounts: readonly TallyAmount[] };

/** From the node to the surface. */
export type AnswerMessage =
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refusal'; readonly id: number; readonly error: WireError }
  /** Memory of large parameters goes back to where it came from: freeing it takes its time there. */
  | { readonly type: 'spent'; readonly memory: readonly ArrayBuffer[] }
  | { readonly type: 'admitted'; readonly id: number; readonly isAdmitted: boolean }
  | { readonly type: 'close'; readonly deadlineMs: number };

export type ToNode = CallMessage | StreamMessage;
export type ToSurface = AnswerMessage | StreamMessage;

export interface TallyAmount {
  readonly counter: string;
  readonly label: string;
  readonly amount: number;
}

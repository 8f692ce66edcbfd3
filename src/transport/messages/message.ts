import type { ByteReader, ByteWriter } from '../../std/std.ts';
import type { Answers, Request } from '../transport.ts';

/**
 * The bytes of one request type. Readers may throw RangeError, TypeError or `PROTOCOL`; `messages.ts` makes one
 * error of them and checks that nothing is left over.
 */
export interface Message<T extends Request['type']> {
  /** The request's type on the wire. Numbers never change. */
  readonly code: number;
  writeRequest(writer: ByteWriter, request: Extract<Request, { type: T }>): void;
  readRequest(reader: ByteReader): Extract<Request, { type: T }>;
  writeAnswer(writer: ByteWriter, answer: Answers[T]): void;
  readAnswer(reader: ByteReader): Answers[T];
}

/**
 * Every message by its type, and the way between values and the bytes of a struct.
 * Bytes that are no message of their type are `PROTOCOL`; nothing else is ever thrown for them.
 */
import type { Body } from '../../body/body.ts';
import { asPangeaError, PangeaError } from '../../errors/errors.ts';
import { ByteReader, ByteWriter, utf8 } from '../../std/std.ts';
import { type Answers, limits, type Reply, type Request, type Status, status } from '../transport.ts';
import { deleteMessage } from './delete.ts';
import { getMessage } from './get.ts';
import { haveMessage } from './have.ts';
import { helloMessage } from './hello.ts';
import { layoutMessage } from './layout.ts';
import type { Message } from './message.ts';
import { pingMessage } from './ping.ts';
import { putMessage } from './put.ts';
import { statMessage } from './stat.ts';

export const messages: { readonly [T in Request['type']]: Message<T> } = {
  put: putMessage,
  get: getMessage,
  have: haveMessage,
  stat: statMessage,
  layout: layoutMessage,
  delete: deleteMessage,
  ping: pingMessage,
  hello: helloMessage,
};

/** Longest text that goes with a status other than ok; longer ones are cut. */
export const maxMessageBytes = 1024;

const byCode = new Map(Object.values(messages).map((message) => [message.code, message as unknown as Message<Request['type']>]));

/** A request as it stands on the wire, but for the body. */
export interface RequestHead {
  readonly code: number;
  readonly struct: Uint8Array;
}

/** An answer as it stands on the wire, but for the body. */
export interface ReplyHead {
  readonly status: number;
  readonly struct: Uint8Array;
}

export function encodeRequest(request: Request): RequestHead {
  const message = messages[request.type] as unknown as Message<Request['type']>;
  return { code: message.code, struct: write((writer) => message.writeRequest(writer, request)) };
}

export function decodeRequest(head: RequestHead): Request {
  const message = byCode.get(head.code);
  if (message === undefined) throw new PangeaError('PROTOCOL', `request type ${head.code} is unknown`);
  return read(head.struct, (reader) => message.readRequest(reader));
}

/** `type`: of the request that is answered. The reply's body, when it has one, follows the struct. */
export function encodeReply<T extends Request['type']>(type: T, reply: Reply<T>): ReplyHead {
  if (reply.status !== status.ok) return { status: reply.status, struct: cutText(reply.message) };
  const message: Message<T> = messages[type];
  return { status: status.ok, struct: write((writer) => message.writeAnswer(writer, reply.answer)) };
}

/** `body` becomes the reply's own when the status is ok; it is the caller's to release in every other case. */
export function decodeReply<T extends Request['type']>(type: T, head: ReplyHead, body: Body): Reply<T> {
  if (!isStatus(head.status)) throw new PangeaError('PROTOCOL', `answer status ${head.status} is unknown`);
  if (head.status === status.ok) {
    const message: Message<T> = messages[type];
    return { status: status.ok, answer: read<Answers[T]>(head.struct, (reader) => message.readAnswer(reader)), body };
  }
  const text = new TextDecoder().decode(head.struct.subarray(0, maxMessageBytes));
  return { status: head.status, message: printable(text) };
}

function isStatus(code: number): code is Status {
  return (Object.values(status) as number[]).includes(code);
}

function write(fill: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  fill(writer);
  const struct = writer.finish();
  if (struct.length > limits.structBytes) throw new PangeaError('INTERNAL', `a struct of ${struct.length} bytes does not fit a request`);
  return struct;
}

function read<V>(struct: Uint8Array, parse: (reader: ByteReader) => V): V {
  if (struct.length > limits.structBytes) throw new PangeaError('PROTOCOL', `a struct of ${struct.length} bytes`);
  try {
    const reader = new ByteReader(struct);
    const value = parse(reader);
    reader.end();
    return value;
  } catch (error) {
    throw asPangeaError(error, 'PROTOCOL');
  }
}

function cutText(text: string): Uint8Array {
  return utf8(text).subarray(0, maxMessageBytes);
}

/** A peer's text ends in logs and terminals: one line, no control characters. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

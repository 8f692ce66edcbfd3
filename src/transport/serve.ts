/** What every transport does with a request of a greeted peer: bytes to the handler, its reply to bytes. */
import { emptyBody, type Body } from '../body/body.ts';
import { isPangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { decodeRequest, encodeReply, type ReplyHead, type RequestHead } from './messages/messages.ts';
import { limits, status, type Request, type RequestHandler, type Status } from './transport.ts';

/** An answer for the wire. Whoever sends it releases the body. */
export interface ServedReply extends ReplyHead {
  readonly body: Body;
}

/** Never rejects. Releases the request's body, unless the handler answers with it. */
export async function serveRequest(
  handler: RequestHandler,
  peer: PeerId,
  head: RequestHead,
  body: Body,
  logger: Logger,
): Promise<ServedReply> {
  let type: Request['type'] | undefined;
  let answered = emptyBody;
  try {
    const request = decodeRequest(head);
    type = request.type;
    const reply = await handler(peer, request, body);
    const encoded = encodeReply(type, reply);
    if (reply.status !== status.ok) return { ...encoded, body: emptyBody };
    if (reply.body.byteLength <= limits.bodyBytes) {
      answered = reply.body;
      return { ...encoded, body: answered };
    }
    reply.body.release();
    return refusal(status.tooLarge, `the answer's body exceeds ${limits.bodyBytes} bytes`);
  } catch (error) {
    if (type === undefined && isPangeaError(error, 'PROTOCOL')) return refusal(status.badRequest, error.message);
    logger.error({ peer, type, error }, 'the handler of a request failed');
    return refusal(status.internal, 'the handler failed');
  } finally {
    if (answered !== body) body.release();
  }
}

export function refusal(code: Exclude<Status, 0>, message: string): ServedReply {
  return { ...encodeReply('ping', { status: code, message }), body: emptyBody };
}

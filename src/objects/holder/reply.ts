/** Answers of the holder's side, and which local failure gives which status. */
import { emptyBody, type Body } from '../../body/body.ts';
import { isPangeaError } from '../../errors/errors.ts';
import type { Logger } from '../../telemetry/telemetry.ts';
import { status, type Answers, type Reply, type Request, type Status } from '../../transport/transport.ts';

export function ok<T extends Request['type']>(answer: Answers[T], body: Body = emptyBody): Reply<T> {
  return { status: status.ok, answer, body };
}

export function refuse(code: Exclude<Status, 0>, message: string): Reply<never> {
  return { status: code, message };
}

/** What a failure of the own disk or of a remote's bytes looks like to the remote. */
export function refusalOf(error: unknown, logger: Logger): Reply<never> {
  if (isPangeaError(error, 'STORE_FULL') || isPangeaError(error, 'STORE_READ_ONLY')) return refuse(status.full, error.message);
  if (isPangeaError(error, 'SHARD_MISMATCH')) return refuse(status.mismatch, error.message);
  if (isPangeaError(error, 'LAYOUT_INVALID')) return refuse(status.badRequest, error.message);
  if (isPangeaError(error, 'CORRUPT')) return refuse(status.notFound, 'this part of the object is damaged here');
  if (isPangeaError(error, 'STORE_CLOSED')) return refuse(status.busy, 'this node is stopping');
  logger.error({ error: error instanceof Error ? error.message : String(error) }, 'a request of a peer failed here');
  return refuse(status.internal, 'the request failed here');
}

import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import type { WireError } from './messages.ts';

/** Of a bug only the fact crosses: what it says is for the node's log. */
export function wireErrorOf(error: unknown): WireError {
  return isPangeaError(error) ? { code: error.code, message: error.message } : { code: 'INTERNAL', message: 'the node failed in a way that is a bug' };
}

export function errorOf({ code, message }: WireError): PangeaError {
  return new PangeaError(code, message);
}

/** Why a signal was aborted, in our own words where whoever did it gave none. */
export function abortedBy(signal: AbortSignal): PangeaError {
  return isPangeaError(signal.reason) ? signal.reason : new PangeaError('ABORTED', 'the client wants no answer any more');
}

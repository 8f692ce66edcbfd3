/** Errors on their way over the wire, both ways. */
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import { failures } from './port.ts';

/** Type and reason of the exception that a caller gets. Of what is not a `PangeaError` nothing is told. */
export function exceptionOf(error: unknown): { readonly type: number; readonly reason: string } {
  if (isPangeaError(error)) {
    const type = error.code === 'NOT_SUPPORTED' ? failures.unimplemented : error.code === 'PEER_BUSY' || error.code === 'TOO_MANY' ? failures.overloaded : failures.failed;
    return { type, reason: `${error.code}: ${error.message}` };
  }
  // What capnp-es throws while it reads or builds; after the engine's checks only a pointer of another type is left.
  if (error instanceof Error && error.message.startsWith('CAPNP-TS')) return { type: failures.failed, reason: 'PROTOCOL: the parameters are not those of the method' };
  return { type: failures.failed, reason: 'INTERNAL: the call failed' };
}

/** What a call of ours rejects with. */
export function refusal(type: number, reason: string): PangeaError {
  if (type === failures.unimplemented) return new PangeaError('NOT_SUPPORTED', reason);
  if (type === failures.disconnected) return new PangeaError('PEER_UNREACHABLE', reason);
  return new PangeaError('PEER_REFUSED', reason);
}

export const unreachable = (): PangeaError => new PangeaError('PEER_UNREACHABLE', 'the connection has ended');

/** js-libp2p's errors, told apart by name and text, as the contract's codes. */
import { type ErrorCode, PangeaError } from '../../errors/errors.ts';

export function dialFailure(error: unknown, target: string): PangeaError {
  if (error instanceof PangeaError) return error;
  const text = textOf(error);
  return new PangeaError(dialCode(error, text), `cannot reach ${target}: ${text}`, { cause: error, data: { target } });
}

function dialCode(error: unknown, text: string): ErrorCode {
  // The upgrader keeps only the text of noise's UnexpectedPeerError.
  if (/does not match expected remote identity/.test(text)) return 'PEER_MISMATCH';
  switch ((error as Error).name) {
    case 'DialDeniedError':
    case 'ConnectionInterceptedError':
      return 'DIAL_REFUSED';
    case 'UnsupportedProtocolError':
      return 'PROTOCOL';
    case 'TimeoutError':
    case 'AbortError':
      return 'TIMEOUT';
    default:
      return 'PEER_UNREACHABLE';
  }
}

export function listenFailure(error: unknown): PangeaError {
  const text = textOf(error);
  if (/EADDRINUSE/.test(text)) return new PangeaError('PORT_IN_USE', `the libp2p port is in use: ${oneLine(text)}`, { cause: error });
  return new PangeaError('ADDRESS_INVALID', `cannot listen for libp2p: ${oneLine(text)}`, { cause: error });
}

function textOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(textOf))].join('; ');
  return error instanceof Error ? error.message : String(error);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

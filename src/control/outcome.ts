import { errorCodes, PangeaError, type ErrorCode } from '../errors/errors.ts';

/** Headers and trailers of the protocol; values are JSON in percent-encoding, since headers carry ASCII only. */
export const header = { options: 'pangea-options', object: 'pangea-object', outcome: 'pangea-outcome' } as const;
export const maxHeaderBytes = 64 * 1024;
/** How much of a stream each end reads ahead, and the largest chunk written at once. */
export const streamBytes = 1024 * 1024;

export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export function wireErrorOf(error: PangeaError): WireError {
  return { code: error.code, message: error.message, data: error.data };
}

/** A code that this client does not know (a newer node) becomes `INTERNAL` with the code in its text. */
export function errorOfWire(value: unknown): PangeaError {
  const { code, message, data } = (typeof value === 'object' && value !== null ? value : {}) as Partial<WireError>;
  if (typeof code !== 'string' || typeof message !== 'string') {
    return new PangeaError('PROTOCOL', 'the node answered with an error that this client cannot read');
  }
  const known = Object.hasOwn(errorCodes, code);
  const facts = typeof data === 'object' && data !== null ? data : {};
  return known
    ? new PangeaError(code as ErrorCode, message, { data: facts })
    : new PangeaError('INTERNAL', `${code}: ${message}`, { data: facts });
}

export function toHeader(value: unknown): string {
  return encodeURIComponent(JSON.stringify(value));
}

/** `undefined` when the header is absent or is not what `toHeader` makes. */
export function fromHeader(text: string | string[] | undefined): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(decodeURIComponent(text)) as unknown;
  } catch {
    return undefined;
  }
}

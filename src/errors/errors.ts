/**
 * The one error class of the project.
 *
 * Expected outcomes are values; bugs crash; everything else is a `PangeaError` with a code that
 * never changes its meaning, so that scripts, RPC clients and tests can rely on it. The message is
 * one line, says what happened and what to do about it; `data` carries the facts; `cause` the origin.
 */

/** Every stable code with the process exit code that the command line gives for it (sysexits.h where one fits). */
export const errorCodes = {
  // What the caller typed
  USAGE: 64,
  CONFIG_INVALID: 78,
  CONFIG_UNKNOWN_KEY: 78,
  FILE_EXISTS: 73,
  FILE_IO: 74,
  FILE_CHANGED: 75,
  FILE_NOT_REACHABLE: 74,
  LINK_INVALID: 65,
  LINK_TRUNCATED: 65,
  TICKET_INVALID: 65,
  PHRASE_INVALID: 65,
  KEY_FILE_INVALID: 65,
  KEY_FILE_EXISTS: 73,
  KEY_FILE_EXPOSED: 77,
  // Objects
  NOT_FOUND: 66,
  WRONG_KEY: 77,
  NO_KEY: 77,
  NOT_ENOUGH_SHARDS: 69,
  NOT_ENOUGH_PEERS: 69,
  DURABILITY_NOT_REACHED: 69,
  CORRUPT: 65,
  SHARD_MISMATCH: 65,
  LAYOUT_INVALID: 65,
  MANIFEST_INVALID: 65,
  DIRECTORY_INVALID: 65,
  GRAPH_INVALID: 65,
  DICTIONARY_INVALID: 65,
  WRONG_DICTIONARY: 65,
  UNSAFE_PATH: 65,
  TOO_LARGE: 65,
  // Store and disk
  STORE_FULL: 73,
  STORE_READ_ONLY: 73,
  STORE_MISSING: 73,
  STORE_FOREIGN: 78,
  STORE_LOCKED: 75,
  STORE_CORRUPT: 74,
  STORE_IO: 74,
  STORE_CLOSED: 70,
  // Network
  PORT_IN_USE: 71,
  ADDRESS_INVALID: 64,
  PEER_UNREACHABLE: 69,
  PEER_MISMATCH: 76,
  PEER_REFUSED: 77,
  PEER_BUSY: 75,
  PROTOCOL: 76,
  TIMEOUT: 75,
  ABORTED: 130,
  NOT_A_MEMBER: 77,
  DIAL_REFUSED: 77,
  // Callers of the RPC port
  DENIED: 77,
  TOO_MANY: 75,
  // The node
  NODE_NOT_RUNNING: 69,
  NODE_ALREADY_RUNNING: 75,
  NODE_STOPPING: 75,
  NATIVE_UNAVAILABLE: 70,
  NATIVE_OUTDATED: 70,
  BACKEND_UNAVAILABLE: 70,
  BODY_RELEASED: 70,
  NOT_SUPPORTED: 70,
  INTERNAL: 70,
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs: plain JSON values only, never a key or a link. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export class PangeaError extends Error {
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PangeaError';
    this.code = code;
    this.data = options.data ?? {};
  }
}

export function isPangeaError(error: unknown, code?: ErrorCode): error is PangeaError {
  return error instanceof PangeaError && (code === undefined || error.code === code);
}

/**
 * Errors thrown by the addon carry `CODE: message` in their text, because N-API has a fixed set of
 * status names. This turns them, and anything else, into a `PangeaError`.
 */
export function asPangeaError(error: unknown, fallback: ErrorCode = 'INTERNAL'): PangeaError {
  if (error instanceof PangeaError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const match = /^([A-Z][A-Z_]+): ([\s\S]*)$/.exec(text);
  const code = match?.[1];
  if (code !== undefined && code in errorCodes) {
    return new PangeaError(code as ErrorCode, match?.[2] ?? text, { cause: error });
  }
  return new PangeaError(fallback, text, { cause: error });
}

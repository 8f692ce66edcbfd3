import { type ErrorCode, PangeaError } from '../../../errors/errors.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'STORE_FULL', EDQUOT: 'STORE_FULL', EROFS: 'STORE_READ_ONLY', EACCES: 'STORE_READ_ONLY', EPERM: 'STORE_READ_ONLY',
};

/** The operating system's error as the store's, with what was being done to which file. */
export function diskError(action: string, path: string, cause: unknown): PangeaError {
  if (cause instanceof PangeaError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return new PangeaError(codes[code ?? ''] ?? 'STORE_IO', `${action} ${path}: ${message}`, { cause });
}

/** Runs a disk operation and names it in its error. */
export async function disk<T>(action: string, path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw diskError(action, path, error);
  }
}

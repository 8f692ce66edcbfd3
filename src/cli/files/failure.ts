import { PangeaError } from '../../errors/errors.ts';

/** A failure of the local file system, told with the path in question. */
export function localFailure(error: unknown, path: string): PangeaError {
  if (error instanceof PangeaError) return error;
  const { code = 'failed', message } = error as NodeJS.ErrnoException;
  const shown = JSON.stringify(path);
  if (code === 'ENOENT' || code === 'ENOTDIR') return new PangeaError('NOT_FOUND', `no such file or directory: ${shown}`, { cause: error });
  if (code === 'EEXIST' || code === 'ENOTEMPTY') return exists(path);
  const reason = code === 'EACCES' || code === 'EPERM' ? 'permission denied' : code === 'ENOSPC' ? 'the disk is full' : message;
  return new PangeaError('FILE_IO', `${shown}: ${reason}`, { cause: error });
}

export function exists(path: string): PangeaError {
  return new PangeaError('FILE_EXISTS', `${JSON.stringify(path)} is there already: give another name or --overwrite`);
}

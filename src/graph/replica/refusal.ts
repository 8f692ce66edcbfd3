import { asPangeaError } from '../../errors/errors.ts';
import type { Merge } from './replica.ts';

/** A merge that was not made. */
export function refusal(error: unknown): Merge {
  const failed = Promise.reject(asPangeaError(error));
  // Whoever needs to know awaits it; nobody may be waiting.
  failed.catch(() => {});
  return { now: undefined, applied: failed, stored: failed };
}

/** Refusals as values, for answers that carry `success` and `errorMsg`. */
import { isPangeaError, type PangeaError } from '../../errors/errors.ts';

type Outcome<T> = { readonly value: T; readonly error?: undefined } | { readonly value?: undefined; readonly error: PangeaError };

/** Bugs are thrown on. */
export async function outcome<T>(done: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await done };
  } catch (error) {
    if (isPangeaError(error) && error.code !== 'INTERNAL') return { error };
    throw error;
  }
}

export function reasonOf({ code, message }: PangeaError): string {
  return `${code}: ${message}`;
}

export function writeOutcome(results: { success: boolean; errorMsg: string }, error: PangeaError | undefined): void {
  results.success = error === undefined;
  if (error !== undefined) results.errorMsg = reasonOf(error);
}

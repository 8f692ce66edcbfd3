import { PangeaError } from '../errors/errors.ts';
import type { Clock } from '../std/std.ts';

/** Runs with a signal that aborts after `ms` of the given clock. */
export async function withDeadline<T>(clock: Clock, ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timer = clock.after(ms, () => controller.abort(new PangeaError('TIMEOUT', `no answer within ${ms} ms`)));
  try {
    return await run(controller.signal);
  } finally {
    timer.cancel();
  }
}

import { PangeaError } from '../errors/errors.ts';
import type { Clock } from '../std/std.ts';

export interface DeadlineOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Settles as `promise` does, or rejects with `TIMEOUT` or `ABORTED`; what `promise` does afterwards is the caller's care. */
export function withDeadline<T>(clock: Clock, promise: Promise<T>, { timeoutMs, signal }: DeadlineOptions): Promise<T> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      done();
      reject(error);
    };
    const onAbort = (): void => fail(abortedError(signal));
    const timer = clock.after(Math.max(0, timeoutMs), () => fail(new PangeaError('TIMEOUT', `no answer within ${Math.round(timeoutMs)} ms`)));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    promise.then((value) => {
      done();
      resolve(value);
    }, fail);
  });
}

export function abortedError(signal: AbortSignal | undefined): PangeaError {
  return new PangeaError('ABORTED', 'the request was given up', { cause: signal?.reason });
}

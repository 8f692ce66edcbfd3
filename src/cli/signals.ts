import { PangeaError } from '../errors/errors.ts';

const stopping = ['SIGINT', 'SIGTERM'] as const;
/** One Ctrl-C may arrive twice: from the terminal, and passed on by a launcher such as npm. */
const echoMs = 400;

/** Calls `first` at the first signal; a second one, later than an echo, ends the process with 130. Returns how to stop listening. */
function onStopSignal(first: () => void): () => void {
  let atMs: number | undefined;
  const listener = (): void => {
    const now = performance.now();
    if (atMs === undefined) {
      atMs = now;
      first();
    } else if (now - atMs > echoMs) {
      process.exit(130);
    }
  };
  for (const name of stopping) process.on(name, listener);
  return () => {
    for (const name of stopping) process.off(name, listener);
  };
}

/** A signal that the first Ctrl-C aborts, so that a command can clean up. */
export function abortOnSignal(enabled: boolean): { readonly signal: AbortSignal; readonly done: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new PangeaError('ABORTED', 'stopped by a signal'));
  return { signal: controller.signal, done: enabled ? onStopSignal(abort) : () => undefined };
}

/**
 * For commands that run until told otherwise: resolves at the first SIGINT or SIGTERM, or when a parent that holds an IPC
 * channel goes away, so that no node outlives a test or a `dev` network.
 */
export function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    onStopSignal(resolve);
    if (process.connected) process.once('disconnect', resolve);
  });
}

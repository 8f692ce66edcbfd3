import type { Clock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import type { HostStream } from './host.ts';
import { hostLimits } from './limits.ts';

/**
 * Gives an inbound stream to its handler. It is the handler's until the promise settles: then a failed one is reset,
 * a good one ended, with some time for the remote to end too, since a reset would overtake the last bytes.
 */
export function serveStream(
  stream: HostStream,
  handler: (stream: HostStream) => Promise<void>,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): void {
  const run = async (): Promise<void> => {
    const { peer, protocol } = stream;
    try {
      await handler(stream);
    } catch (error) {
      logger.debug({ peer, protocol, error: String(error) }, 'stream handler failed');
      stream.reset();
      return;
    }
    const timer = clock.after(hostLimits.lingerMs, () => stream.reset());
    try {
      await stream.closeWrite();
      for (let body = await stream.read(); body; body = await stream.read()) body.release();
    } catch {
      // Reset by the remote, by the handler, or by the timer: the stream is over in any case.
    } finally {
      timer.cancel();
      stream.reset();
    }
  };
  void run();
}

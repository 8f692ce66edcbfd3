import { errorCodes, PangeaError } from '../errors/errors.ts';
import { redactText, type Logger } from '../telemetry/telemetry.ts';
import type { Output } from './output.ts';

export interface CrashParts {
  readonly logger: Logger;
  readonly output: Output;
  /** Stops what runs, if anything does yet. */
  readonly stop: (deadlineMs: number) => Promise<void>;
  readonly deadlineMs: number;
}

/** What `stop` may take beyond its deadline: its parts get a little time each, however late it is. */
const graceMs = 2_000;

/**
 * An error that nobody caught is a bug, and leaves the process in a state that nobody knows. It is logged with its origin
 * and told in one line; then the node stops, so that others need not find out by themselves, and the process ends with 70.
 */
export function endOnCrash({ logger, output, stop, deadlineMs }: CrashParts): void {
  let crashed = false;
  const exit = (): void => process.exit(errorCodes.INTERNAL);
  const crash = (cause: unknown): void => {
    // What breaks while all is being closed is a consequence, and must not hide the first.
    if (crashed) return;
    crashed = true;
    setTimeout(exit, deadlineMs + graceMs);
    logger.error({ error: cause }, 'an error that nobody caught ends the node');
    const text = redactText(cause instanceof Error ? cause.message : String(cause));
    output.failure(new PangeaError('INTERNAL', `a bug ended the node: ${text}`, { cause }));
    stop(deadlineMs).then(exit, exit);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

import { pino } from 'pino';
import type { Logger } from './telemetry.ts';
import { redactFields, redactText } from './redact.ts';

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof levels)[number];

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Where whole lines go; stderr when left out. */
  readonly destination?: { write(line: string): void };
}

/** The logger of a process. Its level holds for all children and can change while it runs (SIGHUP). */
export interface RootLogger extends Logger {
  setLevel(level: LogLevel): void;
}

export function createLogger(options: LoggerOptions): RootLogger {
  // Written synchronously: the last lines before a crash are the ones that matter, and a node logs little.
  const destination = options.destination ?? pino.destination({ fd: 2, sync: true });
  const sink = pino(
    {
      level: 'debug',
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
    },
    destination,
  );
  const threshold = { rank: levels.indexOf(options.level) };
  const setLevel = (level: LogLevel): void => {
    threshold.rank = levels.indexOf(level);
  };
  return { ...loggerOver(sink, threshold), setLevel };
}

/** Drops everything: for tests, and for callers that want no log. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function loggerOver(sink: pino.Logger, threshold: { readonly rank: number }): Logger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => {
    const rank = levels.indexOf(level);
    return (fields: Record<string, unknown>, message: string): void => {
      if (rank >= threshold.rank) sink[level](redactFields(fields), redactText(message));
    };
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => loggerOver(sink.child(redactFields(fields)), threshold),
  };
}

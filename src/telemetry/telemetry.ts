/** Logs (pino, structured, one JSON object a line on stderr) and metrics (prom-client). Nothing secret ever goes in: no keys, no links. */
export interface Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

export interface Counter {
  add(amount?: number, labels?: Record<string, string>): void;
}
export interface Histogram {
  observe(value: number, labels?: Record<string, string>): void;
}

/** Names follow Prometheus: `pangea_<part>_<what>_<unit>[_total]`. Asking twice for one name gives the same metric. */
export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Histogram;
  /** Read at scrape time. */
  gauge(name: string, help: string, read: () => number): void;
  /** Facts as labels of a gauge that is always 1; one call a set of labels. */
  info(name: string, help: string, labels: Record<string, string>): void;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

export { createLogger, silentLogger, type LoggerOptions, type LogLevel, type RootLogger } from './log.ts';
export { redactText } from './redact.ts';
export { createMetrics, discardMetrics, type MetricsOptions } from './metrics.ts';

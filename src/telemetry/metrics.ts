import { collectDefaultMetrics, Counter as PromCounter, Gauge, Histogram as PromHistogram, Registry } from 'prom-client';
import { PangeaError } from '../errors/errors.ts';
import type { Counter, Histogram, Metrics } from './telemetry.ts';

export interface MetricsOptions {
  /** Also the process's own: CPU, memory, event-loop lag, garbage collection. One process should ask for them once. */
  readonly defaults: boolean;
}

/** A registry of its own, so that twelve nodes in one process do not count into each other. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  if (options.defaults) collectDefaultMetrics({ register: registry });
  const readers = new Map<string, () => number>();

  /** Asking twice gives the first one; asking for another kind under one name is a bug of the caller. */
  const known = <T>(name: string, kind: new (...args: never[]) => T): T | undefined => {
    const metric: unknown = registry.getSingleMetric(name);
    if (metric === undefined || metric instanceof kind) return metric;
    throw new PangeaError('INTERNAL', `the metric ${name} exists and is no ${kind.name}`);
  };

  return {
    counter(name, help, labelNames = []) {
      const metric = known<PromCounter>(name, PromCounter)
        ?? new PromCounter({ name, help, labelNames: [...labelNames], registers: [registry] });
      return { add: (amount = 1, labels = {}) => metric.inc(labels, amount) };
    },
    histogram(name, help, buckets, labelNames = []) {
      const metric = known<PromHistogram>(name, PromHistogram)
        ?? new PromHistogram({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers: [registry] });
      return { observe: (value, labels = {}) => metric.observe(labels, value) };
    },
    gauge(name, help, read) {
      if (known<Gauge>(name, Gauge) === undefined) {
        new Gauge({
          name, help, registers: [registry],
          collect() {
            this.set(readers.get(name)?.() ?? Number.NaN);
          },
        });
      }
      // The newest reader counts: a part that was built again reports its own state, not that of its predecessor.
      readers.set(name, read);
    },
    info(name, help, labels) {
      const metric = known<Gauge>(name, Gauge) ?? new Gauge({ name, help, labelNames: Object.keys(labels), registers: [registry] });
      metric.set(labels, 1);
    },
    text: () => registry.metrics(),
  };
}

const nowhere: Counter & Histogram = { add: () => undefined, observe: () => undefined };

/** Counts nothing. */
export const discardMetrics: Metrics = {
  counter: () => nowhere,
  histogram: () => nowhere,
  gauge: () => undefined,
  info: () => undefined,
  text: async () => '',
};

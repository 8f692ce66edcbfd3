/** How much of everything, and what the figures are held against. */
export interface Pace {
  readonly rounds: number;
  /** Puts in memory, and nodes whose memory is weighed. */
  readonly nodes: number;
  readonly durable: number;
  /** Between the last acknowledgement and the kill, in one of two tries: long enough for gun.js to write what it holds back. */
  readonly idleMs: number;
  /** Puts that may wait for their acknowledgement at once. gun.js flushes every 250 ms: with few, it would be measured by its timer. */
  readonly ahead: number;
  readonly reads: number;
  readonly items: number;
  readonly subscribers: number;
  readonly subscriberProcesses: number;
  /** Puts that all subscribers get. */
  readonly fanOut: number;
  readonly sync: number;
  /** gun.js is stopped then, and its rate taken from what it got so far. */
  readonly syncDeadlineMs: number;
  readonly latencies: number;
  readonly latencyGapMs: number;
}

export const full: Pace = {
  rounds: 3, nodes: 100_000, durable: 60_000, idleMs: 3_000, ahead: 10_000, reads: 20_000, items: 5_000, subscribers: 1_000, subscriberProcesses: 2,
  fanOut: 50, sync: 100_000, syncDeadlineMs: 40_000, latencies: 200, latencyGapMs: 10,
};
export const smoke: Pace = {
  rounds: 1, nodes: 500, durable: 300, idleMs: 500, ahead: 100, reads: 200, items: 100, subscribers: 20, subscriberProcesses: 2,
  fanOut: 3, sync: 300, syncDeadlineMs: 10_000, latencies: 10, latencyGapMs: 10,
};

export interface Goal {
  readonly workload: RegExp;
  readonly unit: RegExp;
  /** At least this many times the rival's figure, or at most for what should be small. */
  readonly least?: number;
  readonly most?: number;
}

export const goals: readonly Goal[] = [
  { workload: /^durable puts/, unit: /^puts\/s$/, least: 5 },
  { workload: /^sync/, unit: /^nodes\/s$/, least: 5 },
  { workload: /^memory/, unit: /^MiB/, most: 0.5 },
  { workload: /^latency/, unit: /^ms p50$/, most: 1 },
];

/** Every workload on every subject, round after round and in turns, so that the drift of the machine hits all alike. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Row } from '../record.ts';
import { measureCeilings } from './ceilings.ts';
import { engineWorkloads, type Bench } from './engine.ts';
import { Figures } from './figures.ts';
import { measureFanOut, measureLatency, measureSync } from './network.ts';
import { gunDefault, gunFlooding, pangea } from './subjects.ts';
import type { Pace } from './workloads.ts';

export const parts = ['engine', 'fan-out', 'sync', 'latency'] as const;
export type BenchPart = (typeof parts)[number];

const ceilingMs = 1_000;

export async function measureGraph(pace: Pace, wanted: readonly BenchPart[], show: (what: string) => void): Promise<readonly Row[]> {
  const room = mkdtempSync(join(tmpdir(), 'pangea-graph-'));
  const figures = new Figures();
  const bench: Bench = { pace, room, figures };
  const work: Record<BenchPart, (() => Promise<void>)[]> = {
    engine: engineWorkloads.flatMap((workload) => [pangea, gunFlooding].map((subject) => () => workload(bench, subject))),
    'fan-out': [pangea, gunDefault].map((subject) => () => measureFanOut(bench, subject)),
    sync: [
      () => measureSync(bench, pangea, pangea, 'reconciliation'),
      () => measureSync(bench, gunFlooding, gunFlooding, 'map'),
      () => measureSync(bench, gunFlooding, gunFlooding, 'once each'),
      () => measureSync(bench, pangea, gunFlooding, 'map'),
      () => measureSync(bench, pangea, gunFlooding, 'once each'),
    ],
    latency: [
      () => measureLatency(bench, pangea, pangea),
      () => measureLatency(bench, gunFlooding, gunFlooding),
      () => measureLatency(bench, gunDefault, gunFlooding),
      () => measureLatency(bench, pangea, gunFlooding),
    ],
  };
  try {
    for (let round = 1; round <= pace.rounds; round++) {
      await measureCeilings(figures, room, pace.rounds > 1 ? ceilingMs : ceilingMs / 10);
      for (const part of wanted) {
        // Who comes first has the colder machine: in turns.
        for (const step of round % 2 === 1 ? work[part] : work[part].toReversed()) {
          show(`round ${round} of ${pace.rounds}: ${part}`);
          await step();
        }
      }
    }
  } finally {
    rmSync(room, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
  return [...figures.rows(), ...figures.ratios()];
}

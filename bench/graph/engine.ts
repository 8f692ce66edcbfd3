/** What one process does by itself: puts, reads, what is there after a crash, memory. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures } from './figures.ts';
import { Part } from './part.ts';
import type { Subject } from './subjects.ts';
import type { Memory, Timed } from './subjects/drive.ts';
import type { Pace } from './workloads.ts';

const mebibyte = 2 ** 20;

export interface Bench {
  readonly pace: Pace;
  readonly room: string;
  readonly figures: Figures;
}

/** Each is done by every subject before the next, so that what else the machine does hits all alike. */
export const engineWorkloads: readonly ((bench: Bench, subject: Subject) => Promise<void>)[] = [
  (bench, subject) => memoryPuts(bench, subject, 'rawPuts', 'messages'),
  (bench, subject) => memoryPuts(bench, subject, 'chainPuts', 'chain'),
  (bench, subject) => durablePuts(bench, subject, 'rawAckedPuts', 'messages', bench.pace.idleMs),
  (bench, subject) => durablePuts(bench, subject, 'chainAckedPuts', 'chain', 0),
];

async function memoryPuts({ pace, room, figures }: Bench, subject: Subject, op: string, how: string): Promise<void> {
  await using(subject, room, async (part) => {
    await part.ask('open', subject.opening);
    const before = await part.ask<Memory>('memory');
    const put = await part.ask<Timed>(op, { count: pace.nodes });
    expectAll(put, pace.nodes, `${subject.id} ${op}`);
    rate(figures, `puts in memory, ${how}`, subject, 'puts', put);
    const after = await part.ask<Memory>('memory');
    const of = `memory, ${pace.nodes} nodes, ${how}`;
    figures.add(of, subject.id, 'MiB RSS', (after.rss - before.rss) / mebibyte);
    figures.add(of, subject.id, 'MiB heap', (after.heap - before.heap) / mebibyte);
    if (op !== 'chainPuts') return;
    const count = Math.min(pace.reads, pace.nodes);
    rate(figures, 'once, a value', subject, 'reads', await part.ask<Timed>('onces', { count, key: 'count' }));
    rate(figures, 'once, a node', subject, 'reads', await part.ask<Timed>('onces', { count }));
    const items = Math.min(pace.items, pace.nodes);
    await part.ask('rawSet', { set: 'bench/set', count: items });
    const map = await part.ask<Timed>('map', { set: 'bench/set', count: items });
    rate(figures, `map over ${items}`, subject, 'nodes', map);
  });
}

/** Puts until all are acknowledged, then a crash, then a fresh process says what is there. */
async function durablePuts({ pace, room, figures }: Bench, subject: Subject, op: string, how: string, restMs: number): Promise<void> {
  const directory = mkdtempSync(join(room, 'store-'));
  const opening = { ...subject.opening, directory };
  const acked = await using(subject, room, async (part) => {
    await part.ask('open', opening);
    const put = await part.ask<Timed>(op, { count: pace.durable, ahead: pace.ahead });
    rate(figures, `durable puts, ${how}`, subject, 'puts', put);
    await sleep(restMs);
    await part.kill();
    return put.done;
  });
  await using(subject, room, async (part) => {
    await part.ask('open', opening);
    const present = await part.ask<number>('present', { count: pace.durable });
    const rest = restMs > 0 ? `${restMs / 1000} s idle and kill -9` : 'kill -9';
    figures.add(`durable puts, ${how}`, subject.id, `lost % of acknowledged after ${rest}`, Math.max(0, (acked - present) / Math.max(1, acked)) * 100);
  });
}

export function rate(figures: Figures, workload: string, subject: Subject, what: string, { seconds, cpuSeconds, done }: Timed): void {
  figures.add(workload, subject.id, `${what}/s`, done / seconds);
  figures.add(workload, subject.id, `CPU-us/${what.slice(0, -1)}`, (cpuSeconds / Math.max(1, done)) * 1e6);
}

function expectAll({ done }: Timed, count: number, what: string): void {
  if (done !== count) throw new Error(`${what}: ${done} of ${count}`);
}

/** A process for the time of `work`; it is gone afterwards, whatever happens. */
export async function using<Result>(subject: Subject, room: string, work: (part: Part) => Promise<Result>): Promise<Result> {
  const part = new Part(subject.id, subject.program, room, subject.env);
  try {
    return await work(part);
  } finally {
    await part.kill();
  }
}

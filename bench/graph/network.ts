/** What passes between processes: fan-out, sync, latency. Every socket is a real one over loopback. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './engine.ts';
import { rate, using } from './engine.ts';
import { Part } from './part.ts';
import type { Subject } from './subjects.ts';
import type { Timed } from './subjects/drive.ts';

const sockets: Subject = { id: 'sockets', program: new URL('./subjects/sockets.ts', import.meta.url), opening: {} };
const readyMs = 60_000;
const pollMs = 20;

/** One relay, its subscribers in few processes, a writer: a put alone, then a burst of one key each. */
export async function measureFanOut({ pace, room, figures }: Bench, subject: Subject): Promise<void> {
  const { subscribers, subscriberProcesses, fanOut } = pace;
  const workload = `fan-out to ${subscribers}`;
  const soul = 'bench/fan';
  await withParts([subject, sockets, ...Array<Subject>(subscriberProcesses).fill(sockets)], room, async ([relay, writer, ...groups]) => {
    const url = await serve(relay, subject);
    await relay.ask('node', { soul, key: 'begin', value: 0, state: Date.now() - 1000 });
    await writer.ask('subscribe', { url, count: 1, soul: 'bench/nothing', name: 'writer' });
    await Promise.all(groups.map((group, at) => group.ask('subscribe', { url, count: subscribers / subscriberProcesses, soul, name: `sub${at}x` })));
    // A relay may take subscriptions in turns: puts are sent until every subscriber hears one.
    for (let probe = 0, late = performance.now() + readyMs; ; probe++) {
      const key = `k${-1 - probe}`;
      await writer.ask('burst', { soul, first: -1 - probe, count: 1, gapMs: 0 });
      await sleep(300);
      const having = await Promise.all(groups.map((group) => group.ask<number>('having', { key })));
      if (having.reduce((sum, each) => sum + each, 0) === subscribers) break;
      if (performance.now() > late) throw new Error(`${subject.id}: ${having.join('+')} of ${subscribers} subscribers hear a put`);
    }
    for (let single = 0; single < 3; single++) {
      const { seconds } = await deliver(writer, groups, { soul, first: 1_000 + single, count: 1, subscribers });
      figures.add(workload, subject.id, 'ms till all have one put', seconds * 1000);
    }
    const before = relay.cpuSeconds;
    const { seconds, deliveries } = await deliver(writer, groups, { soul, first: 2_000, count: fanOut, subscribers });
    figures.add(workload, subject.id, 'deliveries/s', deliveries / seconds);
    figures.add(workload, subject.id, 'CPU-us/delivery of the relay', ((relay.cpuSeconds - before) / deliveries) * 1e6);
    figures.add(workload, subject.id, 'lost % of deliveries', (1 - deliveries / (subscribers * fanOut)) * 100);
  });
}

async function deliver(writer: Part, groups: readonly Part[], { soul, first, count, subscribers }: { soul: string; first: number; count: number; subscribers: number }): Promise<{ seconds: number; deliveries: number }> {
  await Promise.all(groups.map((group) => group.ask('reset')));
  const begun = await writer.ask<number>('burst', { soul, first, count, gapMs: 0 });
  const done = await Promise.all(groups.map((group) => group.ask<{ deliveries: number; lastAt: number }>('delivered', { count: (subscribers / groups.length) * count })));
  return { seconds: (Math.max(...done.map(({ lastAt }) => lastAt)) - begun) / 1000, deliveries: done.reduce((sum, each) => sum + each.deliveries, 0) };
}

/** How nodes get from the one that has them to the one that has none. */
export type SyncWay = 'map' | 'once each' | 'reconciliation';

export async function measureSync({ pace, room, figures }: Bench, from: Subject, to: Subject, way: SyncWay): Promise<void> {
  const { sync: count, syncDeadlineMs: deadlineMs } = pace;
  const name = { ...to, id: from.id === to.id ? `${from.id}, ${way}` : `${from.id} with a client of ${to.id}, ${way}` };
  await withParts([from, to], room, async ([full, empty]) => {
    const url = await serve(full, from);
    await full.ask('rawPuts', { count });
    const set = 'bench/set';
    if (way === 'map') await full.ask('rawSet', { set, count });
    await empty.ask('open', { ...to.opening, peers: [url], node: way === 'reconciliation' });
    if (way !== 'reconciliation') await connected(empty);
    const before = full.cpuSeconds;
    const got = way === 'map' ? await empty.ask<Timed>('map', { set, count, deadlineMs })
      : way === 'once each' ? await empty.ask<Timed>('pullOnces', { count, ahead: 500, deadlineMs })
      : await empty.ask<Timed>('arrival', { count, deadlineMs });
    rate(figures, `sync of ${count}`, name, 'nodes', got);
    figures.add(`sync of ${count}`, name.id, 'CPU-us/node of the sender', ((full.cpuSeconds - before) / Math.max(1, got.done)) * 1e6);
    figures.add(`sync of ${count}`, name.id, '% there at the end', (got.done / count) * 100);
  });
}

/** A writer and a reader at one relay: from the put in one process until `on` is called in the other. */
export async function measureLatency({ pace, room, figures }: Bench, relay: Subject, client: Subject): Promise<void> {
  const variant = relay.id === client.id ? client.id : `${relay.id} with clients of ${client.id}`;
  const soul = 'bench/latency';
  await withParts([relay, client, client], room, async ([middle, writer, reader]) => {
    const peers = [await serve(middle, relay)];
    await middle.ask('node', { soul, key: 'tick', value: 0, state: Date.now() - 1000 });
    for (const each of [writer, reader]) await each.ask('open', { ...client.opening, peers });
    for (const each of [writer, reader]) await connected(each);
    await reader.ask('watch', { soul, key: 'tick' });
    await sleep(500);
    await reader.ask('changes');
    const written = await writer.ask<number[]>('write', { soul, key: 'tick', count: pace.latencies, gapMs: pace.latencyGapMs });
    await sleep(1_000);
    const seen = new Map<number, number>();
    for (const { at, value } of await reader.ask<{ at: number; value: number }[]>('changes')) if (!seen.has(value)) seen.set(value, at);
    const ms = written.flatMap((at, index) => (seen.get(index + 1) ?? Number.NaN) - at).filter(Number.isFinite).toSorted((a, b) => a - b);
    if (ms.length === 0) throw new Error(`latency, ${variant}: nothing arrived`);
    for (const share of [50, 95]) figures.add('latency, write to remote on', variant, `ms p${share}`, ms[Math.floor((ms.length - 1) * (share / 100))] ?? Number.NaN);
    // Two writes of which only the later is told are one for the reader.
    figures.add('latency, write to remote on', variant, 'lost % of changes not told one by one', (1 - ms.length / written.length) * 100);
  });
}

async function serve(part: Part, { opening }: Subject): Promise<string> {
  const { port } = await part.ask<{ port: number }>('open', { ...opening, listen: true });
  return `http://127.0.0.1:${port}/gun`;
}

async function connected(part: Part): Promise<void> {
  for (const late = performance.now() + readyMs; (await part.ask<number>('peers')) === 0; await sleep(pollMs)) {
    if (performance.now() > late) throw new Error(`${part.name} finds no peer`);
  }
}

async function withParts(subjects: readonly Subject[], room: string, work: (parts: [Part, Part, Part, ...Part[]]) => Promise<void>, started: Part[] = []): Promise<void> {
  const [next, ...rest] = subjects;
  if (next === undefined) return work(started as [Part, Part, Part, ...Part[]]);
  return using(next, room, (part) => withParts(rest, room, work, [...started, part]));
}

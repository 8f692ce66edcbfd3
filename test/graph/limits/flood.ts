/**
 * A real node under a flood, with a well-behaved gun.js client beside it: `node test/graph/limits/flood.ts [MESSAGES] [SEED]`.
 * Prints one JSON report; the exit code is 1 when anything but counters changed.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectNode, type LocalNode } from '../../../src/control/control.ts';
import { seededRandom } from '../../../src/std/std.ts';
import { NodeProcess } from '../../node/process.ts';
import { neverRead, openHalf, sendGarbage, type Tally, type Target } from './assault.ts';
import { garbageKinds, type Known } from './garbage.ts';
import { openPolite } from './polite.ts';

export interface FloodReport {
  readonly seed: number;
  readonly seconds: number;
  readonly sent: number;
  readonly kinds: number;
  readonly kindsSent: number;
  /** Of the connections that flooded, how many the node ended. */
  readonly ended: number;
  readonly slowReaders: readonly ('ended' | 'borne')[];
  readonly halfOpen: number;
  readonly violations: Readonly<Record<string, number>>;
  /** Resident memory of the node in bytes. */
  readonly memory: { readonly before: number; readonly after: number; readonly peak: number };
  /** What the gun.js client had done for it during the flood; times in milliseconds. */
  readonly polite: { readonly puts: number; readonly acked: number; readonly reads: number; readonly answered: number; readonly unacked: readonly number[]; readonly p50Ms: number; readonly maxMs: number };
  /** Of all that is not the polite client's. */
  readonly graph: { readonly before: string; readonly after: string };
  /** Acknowledged writes of the polite client that the node does not have, nor anything later in their place. */
  readonly politeLost: readonly { readonly soul: string; readonly acked: number; readonly found: unknown }[];
  readonly unchanged: boolean;
}

export interface FloodOptions {
  readonly messages: number;
  readonly seed: number;
  readonly connections?: number;
  readonly halfOpen?: number;
  readonly slowReaders?: number;
}

const politePrefix = 'polite/';
const seededNodes = 200;
const bigSoul = 'big';
const bigFields = 3_000;

export async function flood({ messages, seed, connections = 6, halfOpen = 200, slowReaders = 3 }: FloodOptions): Promise<FloodReport> {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-flood-'));
  const dataDir = join(directory, 'data');
  const process = new NodeProcess(dataDir, ['--graph-addr', '127.0.0.1:0', '--rpc', 'false', '--log-level', 'error']);
  const cleanUp: (() => unknown)[] = [];
  try {
    await process.said('ready');
    const node = connectNode(dataDir);
    const target = targetOf((await node.graph.status()).address);
    const known = await seedGraph(node);
    const before = await hashOf(node);
    const memoryBefore = (await node.status()).memoryBytes;
    const polite = await openPolite(`ws://${target.host}:${target.port}/gun`, politePrefix);
    cleanUp.push(() => polite.stop());

    const tally: Tally = { sent: 0, ended: 0, kinds: new Map() };
    const stop = new AbortController();
    const startedMs = performance.now();
    cleanUp.push(await openHalf(target, '127.0.0.3', halfOpen));
    const slow = Array.from({ length: slowReaders }, () => neverRead(target, '127.0.0.4', bigSoul, stop.signal));
    const share = Math.ceil(messages / connections);
    await Promise.all(Array.from({ length: connections }, (_, n) =>
      sendGarbage(target, '127.0.0.2', seededRandom(seed * 1000 + n), known, Math.min(share, messages - n * share), tally)));
    stop.abort();
    const seconds = (performance.now() - startedMs) / 1000;
    const slowEnds = await Promise.all(slow);
    const served = await polite.stop();
    await settled(node);

    const status = await node.graph.status();
    const after = await hashOf(node);
    const politeLost = await lost(node, served.acked);
    return {
      seed, seconds, sent: tally.sent, kinds: garbageKinds.length, kindsSent: tally.kinds.size, ended: tally.ended, slowReaders: slowEnds, halfOpen,
      violations: status.violations as Readonly<Record<string, number>>,
      memory: { before: memoryBefore, after: (await node.status()).memoryBytes, peak: peakOf(process.child.pid as number) },
      polite: { ...served.counts, unacked: served.unacked, p50Ms: quantile(served.tookMs, 0.5), maxMs: quantile(served.tookMs, 1) },
      graph: { before, after }, politeLost, unchanged: before === after,
    };
  } finally {
    for (const clean of cleanUp.reverse()) await clean();
    await process.stop('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}

function targetOf(address: string): Target {
  const { hostname, port } = new URL(address);
  return { host: hostname, port: Number(port) };
}

async function seedGraph(node: LocalNode): Promise<Known> {
  const souls = Array.from({ length: seededNodes }, (_, n) => `known/${n}`);
  let oldState = Number.POSITIVE_INFINITY;
  for (const [n, soul] of souls.entries()) oldState = Math.min(oldState, (await node.graph.put(soul, { name: `node ${n}`, n, next: { '#': `known/${(n + 1) % seededNodes}` } })).state);
  await node.graph.put(bigSoul, Object.fromEntries(Array.from({ length: bigFields }, (_, n) => [`key${n}`, 'x'.repeat(200)])));
  return { souls, oldState, nowMs: Date.now() };
}

/** Over everything that the node gives out, its states too, but for what the polite client wrote. */
async function hashOf(node: LocalNode): Promise<string> {
  const hash = createHash('sha256');
  for await (const record of node.graph.export()) if (!record._['#'].startsWith(politePrefix)) hash.update(`${JSON.stringify(record)}\n`);
  return hash.digest('hex');
}

/** The client counts up, so a later write that was not acknowledged in time shows as a greater number. */
async function lost(node: LocalNode, acked: ReadonlyMap<string, number>): Promise<FloodReport['politeLost']> {
  const missing: { soul: string; acked: number; found: unknown }[] = [];
  for (const [soul, value] of acked) {
    const found = (await node.graph.get(soul, { key: 'n', waitMs: 0 }))?.fields[0]?.value;
    if (typeof found !== 'number' || found < value) missing.push({ soul, acked: value, found });
  }
  return missing;
}

/** Until the node has worked off what it was sent. */
async function settled(node: LocalNode): Promise<void> {
  let before = -1;
  for (let tries = 0; tries < 600; tries++) {
    const { messages, fields } = await node.graph.status();
    if (messages.in === before && fields.unstored === 0) return;
    before = messages.in;
    await sleep(200);
  }
}

/** The most that was resident at any time; where the system does not tell, nothing. */
function peakOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
}

if (import.meta.main) {
  const [messages = '1000000', seed = '1'] = process.argv.slice(2);
  const report = await flood({ messages: Number(messages), seed: Number(seed) });
  console.log(JSON.stringify(report, undefined, 2));
  process.exit(report.unchanged && report.politeLost.length === 0 ? 0 : 1);
}

/**
 * Whole nodes behind NATs: a file is put by one private node and read by the other, with a public node that relays.
 *
 *   node test/net/nat-nodes.ts [--kind cone|symmetric] [--size 64]
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connectNode } from '../../src/control/control.ts';
import { seededRandom } from '../../src/std/std.ts';
import { program, run } from '../cli/run.ts';
import { type NatKind, NatTopology, type Place } from './nat.ts';

export interface NodesBehindNat {
  readonly putSeconds: number;
  readonly getSeconds: number;
  /** How the private nodes reached each other when the file had been read. */
  readonly paths: { readonly aToB: string | undefined; readonly bToA: string | undefined };
}

export async function runNodesBehindNat({ kind, megabytes }: { kind: NatKind; megabytes: number }): Promise<NodesBehindNat> {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-nat-'));
  const topology = new NatTopology(kind, kind);
  const children: ChildProcess[] = [];
  const dataDir = (place: Place): string => join(directory, place);
  const start = async (place: Place, ...options: readonly string[]): Promise<string> => {
    const [command = '', ...inside] = topology.inside(place);
    const address = topology.addresses[place];
    const child = spawn(command, [
      ...inside, process.execPath, program, '--json', '--data-dir', dataDir(place), '--p2p-addr', `${address}:9090`, '--dht-addr', `${address}:9091`,
      '--rpc-addr', '127.0.0.1:8080', '--http-addr', '127.0.0.1:9092', '--allow', '20.0.0.0/24', '--nat', 'on', '--upnp', 'false', '--mdns', 'off', ...options,
    ], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) if (line.includes('"ready"')) break;
    return (await connectNode(dataDir(place)).status()).addresses.dht[0] ?? '';
  };
  const command = async (place: Place, ...args: readonly string[]): Promise<{ stdout: string; seconds: number }> => {
    const began = performance.now();
    const done = await run([...args, '--json', '--data-dir', dataDir(place)], { timeoutMs: 600_000 });
    if (done.code !== 0) throw new Error(`${args[0]} at ${place} exited with ${done.code}: ${done.stderr}`);
    return { stdout: done.stdout, seconds: (performance.now() - began) / 1000 };
  };
  const pathBetween = async (from: Place, to: Place): Promise<string | undefined> => {
    const { peerId } = await connectNode(dataDir(to)).status();
    const found = (await connectNode(dataDir(from)).peers()).find(({ peer }) => peer === peerId);
    return found?.connected ? found.path ?? 'connected' : undefined;
  };
  try {
    const relay = await start('relay');
    for (const place of ['a', 'b'] as const) await start(place, '--bootstrap', relay, '--relay', relay);
    for (let tries = 0; (await pathBetween('a', 'b')) === undefined || (await pathBetween('b', 'a')) === undefined; tries++) {
      if (tries > 240) throw new Error('the two private nodes do not meet within a minute');
      await sleep(250);
    }
    const content = seededRandom(1).bytes(megabytes * 1024 * 1024 + 4321);
    writeFileSync(join(directory, 'input'), content);
    const put = await command('a', 'put', join(directory, 'input'));
    const { link } = JSON.parse(put.stdout) as { link: string };
    const get = await command('b', 'get', link, '-o', join(directory, 'copy'));
    if (!Buffer.from(content).equals(readFileSync(join(directory, 'copy')))) throw new Error('the file came back as another one');
    return { putSeconds: put.seconds, getSeconds: get.seconds, paths: { aToB: await pathBetween('a', 'b'), bToA: await pathBetween('b', 'a') } };
  } finally {
    await Promise.all(children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }));
    topology.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const { values } = parseArgs({ options: { kind: { type: 'string', default: 'cone' }, size: { type: 'string', default: '64' } } });
  const result = await runNodesBehindNat({ kind: values.kind as NatKind, megabytes: Number(values.size) });
  process.stdout.write(`${JSON.stringify({ kind: values.kind, megabytes: Number(values.size), ...result })}\n`);
}

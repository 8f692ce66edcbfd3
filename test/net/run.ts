/**
 * The main job over bad paths: nodes in namespaces of their own with delay and loss between them.
 *
 *   node test/net/run.ts [--nodes 12] [--delay 50] [--loss 1] [--size 64] [--files 100] [--kill 4] [--seed 1] [--congestion bbr|cubic]
 *   node test/net/run.ts --matrix      prints which pairs of NATs are got through, and how (`nat-matrix.ts`)
 *
 * Needs root, iproute2 and a C compiler. Sizes in MiB, delay in ms one way. Ends by itself, removes what it made, exits with 1 on any mismatch.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connectNode, type LocalNode } from '../../src/control/control.ts';
import { seededRandom } from '../../src/std/std.ts';
import { program, run } from '../cli/run.ts';
import { addressOf, Namespaces } from './namespaces.ts';
import { printNatMatrix } from './nat-matrix.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '12' }, delay: { type: 'string', default: '50' }, loss: { type: 'string', default: '1' },
    size: { type: 'string', default: '64' }, files: { type: 'string', default: '100' }, kill: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' }, congestion: { type: 'string', default: 'bbr' }, matrix: { type: 'boolean', default: false },
  },
});
if (values.matrix) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  process.exit(await printNatMatrix() ? 0 : 1);
}
const count = Number(values.nodes);
const deadlineMs = 1_200_000;

interface Started {
  readonly child: ChildProcess;
  readonly dataDir: string;
  readonly multiaddr: string;
}

const directory = mkdtempSync(join(tmpdir(), 'pangea-net-nodes-'));
const nodes: Started[] = [];
const namespaces = await Namespaces.create(count, { delayMs: Number(values.delay), lossPercent: Number(values.loss), seed: Number(values.seed) });
let failed = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end().then(() => process.exit(130)));
const tooLong = setTimeout(() => void end().then(() => process.exit(1)), deadlineMs);

try {
  for (let index = 0; index < count; index++) nodes.push(await startNode(index));
  await Promise.all(nodes.map(({ dataDir }) => knowsAll(dataDir)));
  say({ step: 'started', nodes: count, delayMs: Number(values.delay), lossPercent: Number(values.loss), congestion: values.congestion });
  await fileRoundTrip();
  await treeRoundTrip();
} catch (error) {
  failed = true;
  say({ step: 'failed', error: (error as Error).message });
} finally {
  clearTimeout(tooLong);
  say({ step: 'ended', packets: await end() });
}
process.exit(failed ? 1 : 0);

async function startNode(index: number): Promise<Started> {
  const address = addressOf(index);
  const dataDir = join(directory, `node-${index + 1}`);
  const [command = '', ...inside] = namespaces.inside(index);
  const child = spawn(command, [
    ...inside, process.execPath, program, '--json', '--node-id', String(index + 1), '--data-dir', dataDir, '--p2p-addr', `${address}:9090`,
    '--dht-addr', `${address}:9091`, '--http-addr', '127.0.0.1:9092', '--allow', '10.77.0.0/24', '--congestion', values.congestion,
    ...(nodes[0] ? ['--bootstrap', nodes[0].multiaddr] : []),
  ], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (line.includes('"ready"')) break;
  }
  const { addresses } = await connectNode(dataDir).status();
  return { child, dataDir, multiaddr: addresses.dht[0] ?? '' };
}

async function knowsAll(dataDir: string): Promise<void> {
  const node: LocalNode = connectNode(dataDir);
  for (let tries = 0; tries < 240; tries++) {
    if ((await node.peers()).filter((peer) => peer.connected && peer.health !== undefined).length >= count - 1) return;
    await sleep(500);
  }
  throw new Error(`${dataDir} does not know all ${count} nodes after two minutes`);
}

async function fileRoundTrip(): Promise<void> {
  const bytes = Number(values.size) * 1024 * 1024 + 4321;
  const path = join(directory, 'input');
  const content = seededRandom(Number(values.seed)).bytes(bytes);
  writeFileSync(path, content);
  const put = await command(0, 'put', path);
  const { link, survivesFailures } = JSON.parse(put.stdout) as { link: string; survivesFailures: number };
  say({ step: 'put', bytes, seconds: put.seconds, survivesFailures });
  const copy = join(directory, 'copy');
  const healthy = await command(count - 1, 'get', link, '-o', copy);
  compare(copy, content);
  say({ step: 'get', bytes, seconds: healthy.seconds });
  const victims = nodes.slice(1, 1 + Number(values.kill));
  const reading = command(count - 1, 'get', link, '-o', `${copy}-2`);
  await sleep(healthy.seconds * 300);
  for (const { child } of victims) child.kill('SIGKILL');
  const degraded = await reading;
  compare(`${copy}-2`, content);
  say({ step: 'get while killing', killed: victims.length, seconds: degraded.seconds });
}

async function treeRoundTrip(): Promise<void> {
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  const random = seededRandom(Number(values.seed) + 1);
  const contents = Array.from({ length: Number(values.files) }, () => random.bytes(random.integer(32_768)));
  contents.forEach((content, index) => writeFileSync(join(tree, `file-${index}`), content));
  const put = await command(0, 'put', tree);
  const { link } = JSON.parse(put.stdout) as { link: string };
  const get = await command(count - 1, 'get', link, '-o', join(directory, 'tree-copy'));
  contents.forEach((content, index) => compare(join(directory, 'tree-copy', `file-${index}`), content));
  say({ step: 'tree', files: contents.length, putSeconds: put.seconds, getSeconds: get.seconds });
}

async function command(index: number, ...args: string[]): Promise<{ stdout: string; seconds: number }> {
  const start = performance.now();
  const done = await run([...args, '--json', '--data-dir', nodes[index]?.dataDir ?? ''], { timeoutMs: deadlineMs });
  if (done.code !== 0) throw new Error(`${args[0]} on node ${index + 1} exited with ${done.code}: ${done.stderr}`);
  return { stdout: done.stdout, seconds: (performance.now() - start) / 1000 };
}

function compare(path: string, wanted: Uint8Array): void {
  const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  if (hash(readFileSync(path)) !== hash(wanted)) throw new Error(`${path} is not what was put`);
}

async function end(): Promise<unknown> {
  await Promise.all(nodes.splice(0).map(async ({ child }) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await closed;
    clearTimeout(force);
  }));
  const packets = await namespaces.remove();
  rmSync(directory, { recursive: true, force: true });
  return packets;
}

function say(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

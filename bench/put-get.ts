/**
 * The main job as a user has it: twelve processes and the command line on one machine, over loopback.
 *
 *   node bench/put-get.ts [--size 1024] [--files 1000] [--runs 3] [--nodes 12] [--seed 1] [--json] [--smoke]
 *
 * Puts and gets a file of random bytes (sizes in MiB), gets it again with four of the holders killed, and puts and gets
 * a tree of files of 16 KiB. CPU seconds are of all nodes and the command together. The ceiling beside it is what
 * the disk takes when twelve files of the same shards are written at once, each with fsync.
 */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fsyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadNative } from '../src/native/native.ts';
import { seededRandom } from '../src/std/std.ts';
import { run } from '../test/cli/run.ts';
import { startDev, type DevNode } from '../test/e2e/local-network.ts';
import { commit, machine, spread, table, type BenchRecord, type Row } from './record.ts';

export interface PutGetOptions {
  readonly nodes: number;
  readonly megabytes: number;
  readonly files: number;
  readonly runs: number;
  readonly seed: number;
}

const smallFileBytes = 16 * 1024;
const ticksPerSecond = 100;

export async function benchPutGet(options: PutGetOptions): Promise<BenchRecord> {
  const directory = mkdtempSync(join(tmpdir(), 'pangea-bench-'));
  const rows = new Rows();
  try {
    const input = join(directory, 'input');
    writeRandomFile(input, options.megabytes, options.seed);
    const wanted = await hashOf(input);
    const tree = join(directory, 'tree');
    writeTree(tree, options);
    for (let round = 0; round < options.runs; round++) {
      await measureRound(options, { directory: join(directory, `round-${round}`), input, wanted, tree }, rows);
      rmSync(join(directory, `round-${round}`), { recursive: true, force: true });
    }
    rows.add('disk ceiling', '12 files, fsync each', 'MiB/s', options.megabytes / diskCeiling(directory, options.megabytes));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const variant = loadNative().ok ? 'native' : 'portable';
  return { bench: 'put-get', machine: machine(), commit: commit(), seed: options.seed, rows: rows.finish(variant) };
}

interface RoundInput {
  readonly directory: string;
  readonly input: string;
  readonly wanted: string;
  readonly tree: string;
}

async function measureRound(options: PutGetOptions, input: RoundInput, rows: Rows): Promise<void> {
  mkdirSync(input.directory, { recursive: true });
  const network = await startDev(options.nodes, { dataDir: join(input.directory, 'nodes') });
  try {
    const { nodes } = network;
    const first = dataDirOf(nodes, 0);
    const last = dataDirOf(nodes, nodes.length - 1);
    const rate = (seconds: number): number => options.megabytes / seconds;

    const put = await timed(nodes, ['put', input.input, '--json', '--data-dir', first]);
    rows.add('put', `${options.megabytes} MiB`, 'MiB/s', rate(put.seconds));
    rows.add('put', `${options.megabytes} MiB`, 'CPU-s/GiB', (put.cpuSeconds * 1024) / options.megabytes);
    const { link, storedBytes } = JSON.parse(put.stdout) as { link: string; storedBytes: number };
    rows.add('put', `${options.megabytes} MiB`, 'x on disk', storedBytes / (options.megabytes * 1024 * 1024));

    const copy = join(input.directory, 'copy');
    const get = await timed(nodes, ['get', link, '-o', copy, '--overwrite', '--data-dir', last]);
    await verify(copy, input.wanted);
    rows.add('get', `${options.megabytes} MiB`, 'MiB/s', rate(get.seconds));
    rows.add('get', `${options.megabytes} MiB`, 'CPU-s/GiB', (get.cpuSeconds * 1024) / options.megabytes);
    rows.add('memory', 'all nodes after put and get', 'MiB', nodes.reduce((sum, node) => sum + residentMegabytes(node.pid), 0));
    rows.add('memory', 'largest node', 'MiB', Math.max(...nodes.map((node) => peakMegabytes(node.pid))));

    if (options.files > 0) {
      const treePut = await timed(nodes, ['put', input.tree, '--json', '--data-dir', first]);
      rows.add('put tree', `${options.files} x 16 KiB`, 's', treePut.seconds);
      const treeLink = (JSON.parse(treePut.stdout) as { link: string }).link;
      const treeGet = await timed(nodes, ['get', treeLink, '-o', join(input.directory, 'tree-copy'), '--data-dir', last]);
      rows.add('get tree', `${options.files} x 16 KiB`, 's', treeGet.seconds);
    }

    const killed = nodes.length >= 12 ? [2, 4, 6, 8] : [];
    for (const index of killed) process.kill(nodes[index]?.pid ?? 0, 'SIGKILL');
    if (killed.length > 0) {
      const survivors = nodes.filter((_, index) => !killed.includes(index));
      const degraded = await timed(survivors, ['get', link, '-o', copy, '--overwrite', '--data-dir', last]);
      await verify(copy, input.wanted);
      rows.add('get, 4 of 12 killed', `${options.megabytes} MiB`, 'MiB/s', rate(degraded.seconds));
    }
  } finally {
    await network.stop();
  }
}

class Rows {
  readonly #values = new Map<string, { workload: string; what: string; unit: string; values: number[] }>();

  add(workload: string, what: string, unit: string, value: number): void {
    const key = `${workload}/${what}/${unit}`;
    const row = this.#values.get(key) ?? { workload, what, unit, values: [] };
    row.values.push(value);
    this.#values.set(key, row);
  }

  finish(variant: string): Row[] {
    return [...this.#values.values()].map(({ workload, what, unit, values }) => ({ workload: `${workload} (${what})`, variant, unit, value: spread(values) }));
  }
}

async function timed(nodes: readonly DevNode[], args: readonly string[]): Promise<{ seconds: number; cpuSeconds: number; stdout: string }> {
  endedChildrenSeconds();
  const before = cpuSeconds(nodes);
  const start = performance.now();
  const { code, stdout, stderr } = await run(args, { timeoutMs: 600_000 });
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`pangea-node ${args[0]} failed: ${stderr}`);
  // The command itself is a child that has ended.
  return { seconds, cpuSeconds: cpuSeconds(nodes) - before + endedChildrenSeconds(), stdout };
}

let endedBefore = 0;

/** User and system time of children that ended since the last call, from this process's own /proc entry. */
function endedChildrenSeconds(): number {
  const fields = statFields('self');
  const total = (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
  const since = total - endedBefore;
  endedBefore = total;
  return since;
}

function cpuSeconds(nodes: readonly DevNode[]): number {
  return nodes.reduce((sum, { pid }) => {
    const fields = statFields(String(pid));
    return sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }, 0);
}

/** Fields of /proc/PID/stat behind the command's name, which may hold spaces: [0] is the state, [11] utime, [12] stime, [13] cutime, [14] cstime. */
function statFields(pid: string): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function memoryLine(pid: number, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1024;
}

const residentMegabytes = (pid: number): number => memoryLine(pid, 'VmRSS');
const peakMegabytes = (pid: number): number => memoryLine(pid, 'VmHWM');

function dataDirOf(nodes: readonly DevNode[], index: number): string {
  const node = nodes[index];
  if (node === undefined) throw new Error(`there is no node ${index}`);
  return node.dataDir;
}

function writeRandomFile(path: string, megabytes: number, seed: number): void {
  const random = seededRandom(seed);
  const file = openSync(path, 'w');
  const block = random.bytes(1024 * 1024);
  for (let index = 0; index < megabytes; index++) {
    // Each block differs from the others, cheaply: the generator fills its first page only.
    block.set(random.bytes(4096));
    writeSync(file, block);
  }
  closeSync(file);
}

function writeTree(directory: string, { files, seed }: PutGetOptions): void {
  const random = seededRandom(seed + 1);
  for (let index = 0; index < files; index++) {
    const folder = join(directory, `folder-${index % 10}`);
    if (index < 10) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${index}`), random.bytes(smallFileBytes));
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function verify(path: string, wanted: string): Promise<void> {
  if ((await hashOf(path)) !== wanted) throw new Error(`${path} is not what was put`);
}

/** Seconds for the bytes of all shards in twelve files, each fsynced. */
function diskCeiling(directory: string, megabytes: number): number {
  const block = seededRandom(9).bytes(1024 * 1024);
  const files = Array.from({ length: 12 }, (_, index) => openSync(join(directory, `ceiling-${index}`), 'w'));
  const start = performance.now();
  for (let written = 0; written < megabytes / 8; written++) for (const file of files) writeSync(file, block);
  for (const file of files) fsyncSync(file);
  const seconds = (performance.now() - start) / 1000;
  for (const file of files) closeSync(file);
  return seconds;
}

export const smoke: PutGetOptions = { nodes: 3, megabytes: 12, files: 20, runs: 1, seed: 1 };

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', default: '1024' }, files: { type: 'string', default: '1000' }, runs: { type: 'string', default: '3' },
      nodes: { type: 'string', default: '12' }, seed: { type: 'string', default: '1' }, json: { type: 'boolean' }, smoke: { type: 'boolean' },
    },
  });
  const options = values.smoke ? smoke : {
    nodes: Number(values.nodes), megabytes: Number(values.size), files: Number(values.files), runs: Number(values.runs), seed: Number(values.seed),
  };
  const record = await benchPutGet(options);
  process.stdout.write(`${values.json ? JSON.stringify(record) : table(record)}\n`);
}

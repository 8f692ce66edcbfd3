/**
 * All benchmarks: `pangea-node bench` and `npm run bench -- …` both come here; `pangea-node bench --help` lists the options.
 *
 * First what the machine gives without us, then each bench. Every bench runs in processes of its own, so that one's
 * memory and threads do not colour the next. Results are records (`record.ts`), one JSON line each with `--json`.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createOutput, quietOnBrokenPipe } from '../src/cli/output.ts';
import { asPangeaError, errorCodes, PangeaError } from '../src/errors/errors.ts';
import { measureCeilings, withCeilings } from './ceilings.ts';
import { benchCes } from './ces/ces.ts';
import { compareFiles } from './compare.ts';
import { type Bench, parseRunOptions, type RunOptions } from './options.ts';
import { startProgress } from './progress.ts';
import { type BenchRecord, commit, machine, table } from './record.ts';
import { ratioTable } from './report/ratio-table.ts';
import { reportOf } from './report/html.ts';
import { chooseRivals } from './choose-rivals.ts';

const drainMs = 15_000;
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort(new PangeaError('ABORTED', 'stopped by a signal')));

async function main(options: RunOptions): Promise<void> {
  if (options.compare !== undefined) {
    process.stdout.write(`${compareFiles(...options.compare, options.json)}\n`);
    return;
  }
  const output = createOutput(options.json);
  const rivals = options.benches.includes('ces') ? await chooseRivals(options.against) : [];
  // Whatever a bench leaves behind when it is stopped lies in here.
  const room = mkdtempSync(join(options.directory ?? tmpdir(), 'pb-'));
  const progress = startProgress(output.json);
  const records: BenchRecord[] = [];
  try {
    progress.show('ceilings');
    const ceilings = await measureCeilings({ directory: room, seed: options.seed, smoke: options.smoke, signal: stopping.signal });
    for (const bench of options.benches) {
      const measured = bench === 'ces'
        ? await benchCes({
          seed: options.seed, smoke: options.smoke, ...(options.rounds === undefined ? {} : { rounds: options.rounds }),
          rivals, signal: stopping.signal, progress: progress.count,
        })
        : await benchApart(bench, options, room, progress.show);
      const record = withCeilings(measured, ceilings);
      records.push(record);
      progress.clear();
      output.record(record, `${table(record)}\n${'ratios' in record ? `\n${ratioTable(record)}\n` : ''}`);
      if (options.record) keep(record);
    }
    if (options.out !== undefined) {
      mkdirSync(options.out, { recursive: true });
      writeFileSync(join(options.out, 'bench.jsonl'), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
      writeFileSync(join(options.out, 'report.html'), reportOf(records));
      output.note(`report: ${join(options.out, 'report.html')}`);
    }
  } finally {
    progress.clear();
    rmSync(room, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** The benches that have a program of their own. */
async function benchApart(bench: Exclude<Bench, 'ces'>, options: RunOptions, room: string, show: (what: string) => void): Promise<BenchRecord> {
  const programs = bench === 'net' ? ['transport', 'put-get'] : [bench];
  const records: BenchRecord[] = [];
  for (const program of programs) {
    show(program);
    records.push(await runProgram(program, options, room));
  }
  return { bench, machine: machine(), commit: commit(), seed: options.seed, rows: records.flatMap(({ rows }) => rows) };
}

async function runProgram(name: string, { smoke, seed, rounds }: RunOptions, room: string): Promise<BenchRecord> {
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const args = [file, '--json', '--seed', String(seed), ...(smoke ? ['--smoke'] : []), ...(rounds === undefined ? [] : ['--runs', String(rounds)])];
  // In a process group of its own: one signal reaches the nodes that it started, too.
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { detached: true, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: room } });
  const group = -(child.pid ?? 0);
  const stop = (): void => void signalGroup(group, 'SIGINT');
  stopping.signal.addEventListener('abort', stop, { once: true });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  stopping.signal.removeEventListener('abort', stop);
  if (stopping.signal.aborted) await groupEnd(group);
  stopping.signal.throwIfAborted();
  if (code !== 0) throw new PangeaError('INTERNAL', `the bench ${name} ended with ${String(code)}; what it said stands above`);
  return JSON.parse(output) as BenchRecord;
}

/** False when nobody of the group is left. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  if (group === 0) return false;
  try {
    return process.kill(group, signal);
  } catch {
    return false;
  }
}

/** Nodes drain before they end; who does not end in time is killed. */
async function groupEnd(group: number): Promise<void> {
  for (const deadline = performance.now() + drainMs; performance.now() < deadline; await sleep(50)) {
    if (!signalGroup(group, 0)) return;
  }
  signalGroup(group, 'SIGKILL');
}

/** Appends to the records of machines of this kind, which are committed. */
function keep(record: BenchRecord): void {
  const { cpu, cores } = record.machine;
  const name = `${cpu} ${cores} cores`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
  appendFileSync(fileURLToPath(new URL(`records/${name}.jsonl`, import.meta.url)), `${JSON.stringify(record)}\n`);
}

if (import.meta.main) {
  quietOnBrokenPipe();
  const argv = process.argv.slice(2);
  try {
    await main(parseRunOptions(argv));
  } catch (cause) {
    const error = asPangeaError(stopping.signal.aborted ? stopping.signal.reason : cause);
    createOutput(argv.includes('--json')).failure(error);
    process.exitCode = errorCodes[error.code];
  }
}

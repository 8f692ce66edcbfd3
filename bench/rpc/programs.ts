/** Servers and clients of the bench: how each is built and started, or why it cannot be. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadNative } from '../../src/native/native.ts';

export interface Program {
  readonly id: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Why it cannot be started; empty when it can. */
  readonly missing: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const ourServer = fileURLToPath(new URL('./server.ts', import.meta.url));
const rivals = join(root, 'bench', 'rivals');
const built = join(rivals, '.built', 'rpc');
const schema = join(root, 'schema', 'pangea.capnp');

/** Ours first. */
export function servers(): Program[] {
  const native = loadNative();
  const reason = !native.ok ? native.reason : native.native.RpcConnection === undefined ? 'the addon has no RPC engine' : '';
  const ours = (id: string, missing: string): Program => ({ id, command: process.execPath, args: ['--disable-warning=ExperimentalWarning', ourServer, id], missing });
  return [ours('native', reason), ours('wasm', ''), attempt('c++', buildCpp), attempt('go', () => buildGo('server'))];
}

export function clients(): Program[] {
  return [attempt('go', () => buildGo('client')), attempt('python', findPython)];
}

interface Start {
  readonly command: string;
  readonly args?: readonly string[];
}

function attempt(id: string, make: () => Start): Program {
  try {
    const { command, args = [] } = make();
    return { id, command, args, missing: '' };
  } catch (error) {
    return { id, command: '', args: [], missing: (error as Error).message };
  }
}

function buildCpp(): Start {
  const source = join(rivals, 'rpc-cpp', 'server.c++');
  const program = join(built, 'cpp-server');
  unlessFresh(program, [source, schema], () => {
    run('capnp', ['compile', `-oc++:${built}`, `--src-prefix=${join(root, 'schema')}`, schema]);
    run('c++', ['-std=c++14', '-O3', '-o', program, `-I${built}`, source, join(built, 'pangea.capnp.c++'), '-lcapnp-rpc', '-lcapnp', '-lkj-async', '-lkj']);
  });
  return { command: program };
}

function buildGo(what: 'server' | 'client'): Start {
  const cwd = join(rivals, 'rpc-go');
  const program = join(built, `go-${what}`);
  const sources = [...globSync('**/*.go', { cwd }).map((file) => join(cwd, file)), ...globSync('clients/go/**/*.go', { cwd: root }).map((file) => join(root, file))];
  unlessFresh(program, sources, () => run('go', ['build', '-trimpath', '-o', program, `./${what}`], cwd));
  return { command: program };
}

function findPython(): Start {
  run('python3', ['-c', 'import capnp']);
  return { command: 'python3', args: [join(rivals, 'rpc-py', 'client.py')] };
}

/** A program of other sources than these does not count. */
function unlessFresh(program: string, sources: readonly string[], build: () => void): void {
  const hash = createHash('sha256');
  for (const source of sources.toSorted()) hash.update(source).update(readFileSync(source));
  const now = hash.digest('hex');
  const mark = `${program}.sources`;
  if (existsSync(program) && existsSync(mark) && readFileSync(mark, 'utf8') === now) return;
  mkdirSync(built, { recursive: true });
  build();
  writeFileSync(mark, now);
}

function run(command: string, args: readonly string[], cwd = root): void {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if ((done.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') throw new Error(`${command} not found`);
  if (done.error !== undefined) throw done.error;
  if (done.status === 0) return;
  const lines = done.stderr.split('\n').filter((line) => line.trim() !== '');
  throw new Error(`${command} failed: ${(lines.find((line) => /\berror\b/i.test(line)) ?? lines.at(-1) ?? 'no reason given').trim().slice(0, 200)}`);
}

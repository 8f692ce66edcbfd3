/** A server on the node in memory, and programs in Python that are its clients. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';
import { loadNative } from '../../src/native/native.ts';
import { openRpcServer, type RpcServer, type RpcServerOptions } from '../../src/rpc/rpc.ts';
import { createLogger, createMetrics } from '../../src/telemetry/telemetry.ts';
import { MemoryNode } from '../control/memory-node.ts';

export const token = 'a token of the tests';

const load = loadNative();
/** The engines that this machine has. */
export const engines: readonly ('native' | 'wasm')[] = load.ok && 'RpcConnection' in load.native ? ['native', 'wasm'] : ['wasm'];

const python = spawnSync('python3', ['-c', 'import capnp; print(capnp.__version__)'], { encoding: 'utf8' });
/** Why programs in Python cannot run here; false when they can. */
export const noPython: string | false = python.status === 0 ? false : 'python3 with pycapnp is not installed';

export interface Served {
  readonly api: MemoryNode;
  readonly neighbour: MemoryNode;
  readonly server: RpcServer;
  readonly log: string[];
  metrics(): Promise<string>;
}

export async function serve(t: TestContext, options: Partial<RpcServerOptions> = {}): Promise<Served> {
  const api = new MemoryNode(7);
  const neighbour = new MemoryNode(8);
  api.meet(neighbour);
  const log: string[] = [];
  const metrics = createMetrics({ defaults: false });
  const server = await openRpcServer({
    listen: { host: '127.0.0.1', port: 0 }, api, token, tls: undefined, admit: () => true, engine: 'wasm',
    logger: createLogger({ level: 'debug', destination: { write: (line) => void log.push(line) } }), metrics, ...options,
  });
  t.after(() => server.close(500));
  return { api, neighbour, server, log, metrics: () => metrics.text() };
}

/** Runs `programs/NAME`; gives what it printed last. What it says on stderr is the reason of a failure. */
export async function program(t: TestContext, name: string, options: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
  const path = fileURLToPath(new URL(`programs/${name}`, import.meta.url));
  const child = spawn('python3', [path, JSON.stringify({ token, ...options })], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let [out, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  assert.equal(code, 0, `${name} ended with ${code}\n${errors}\n${out}`);
  return JSON.parse(out.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>;
}

export async function until(what: string, isTrue: () => boolean, deadlineMs = 15_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!isTrue()) {
    assert.ok(performance.now() < end, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

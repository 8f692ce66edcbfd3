/** A local S3 server for tests: moto (PyPI `moto[server]`), which keeps its buckets in memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/std/std.ts';

export interface Moto {
  readonly python: string;
  dispose(): Promise<void>;
}

/** The machine's own, or one in a virtual environment that is made for it; else what is missing. */
export async function findMoto(): Promise<Moto | string> {
  if (await runs('python3', '-c', 'import moto.server')) return { python: 'python3', dispose: async () => {} };
  const directory = await mkdtemp(join(tmpdir(), 'pangea-moto-'));
  const dispose = (): Promise<void> => rm(directory, { recursive: true });
  const python = join(directory, 'bin', 'python3');
  const isMade = (await runs('python3', '-m', 'venv', directory)) && (await runs(python, '-m', 'pip', 'install', '--quiet', '--no-input', 'moto[server]==5.2.1'));
  if (isMade) return { python, dispose };
  await dispose();
  return 'python3 with virtual environments and moto[server] cannot be had here';
}

async function runs(program: string, ...args: readonly string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'ignore', timeout: 300_000 });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}

export interface S3Server {
  readonly endpoint: string;
  makeBucket(name: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startS3(python: string): Promise<S3Server> {
  const port = await freePort();
  const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let left = 300; !(await answers(endpoint)); left--) {
    if (left === 0 || child.exitCode !== null) throw new Error('the S3 server did not start');
    await systemClock.sleep(100);
  }
  return {
    endpoint,
    makeBucket: async (name) => void (await fetch(`${endpoint}/${name}`, { method: 'PUT' })),
    stop: () => stopped(child),
  };
}

async function answers(endpoint: string): Promise<boolean> {
  return fetch(endpoint).then(() => true, () => false);
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A local S3 server for tests: moto (PyPI `moto[server]`), which keeps its buckets in memory. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../src/std/std.ts';

/** Pythons that may have it: one that is named, that of a virtual environment beside the tests, any on the path. */
const candidates = [process.env['PANGEA_MOTO_PYTHON'], '.venv/bin/python3', 'python3'].filter((path) => path !== undefined);

export function pythonWithMoto(): string | undefined {
  return candidates.find((path) => (!path.includes('/') || existsSync(path)) && spawnSync(path, ['-c', 'import moto.server'], { stdio: 'ignore', timeout: 60_000 }).status === 0);
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

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { program } from '../cli/run.ts';

export interface DevNode {
  readonly nodeId: number;
  readonly peerId: string;
  readonly pid: number;
  readonly dataDir: string;
}

export interface DevNetwork {
  readonly nodes: readonly DevNode[];
  /** Ctrl-C; gives the exit code once nobody is left. */
  stop(): Promise<number | null>;
}

/** `pangea-node dev`, as a user starts it, until it says that all nodes know each other. */
export async function startDev(count: number, options: { env?: NodeJS.ProcessEnv; dataDir?: string } = {}): Promise<DevNetwork> {
  const args = ['dev', '--nodes', String(count), '--json', ...(options.dataDir === undefined ? [] : ['--data-dir', options.dataDir])];
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => { stderr += String(chunk); });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>,
    once(child, 'close').then(() => Promise.reject(new Error(`dev ended before it was ready: ${stderr}`))),
  ]);
  const { nodes } = JSON.parse(line) as { nodes: DevNode[] };
  return { nodes, stop: () => stop(child, nodes) };
}

async function stop(child: ChildProcess, nodes: readonly DevNode[]): Promise<number | null> {
  if (child.exitCode === null) {
    child.kill('SIGINT');
    await once(child, 'close');
  }
  for (let tries = 0; nodes.some(({ pid }) => isAlive(pid)) && tries < 20; tries++) await sleep(50);
  const left = nodes.filter(({ pid }) => isAlive(pid));
  for (const { pid } of left) process.kill(pid, 'SIGKILL');
  if (left.length > 0) throw new Error(`${left.length} nodes outlived dev`);
  return child.exitCode;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

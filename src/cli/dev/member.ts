import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connectNode, type LocalNode, type NodeStatus } from '../../control/control.ts';
import { errorCodes, PangeaError, type ErrorCode } from '../../errors/errors.ts';

const program = fileURLToPath(new URL('../cli.ts', import.meta.url));
const startTimeoutMs = 60_000;

/** One node of a local network: a child process that stops when its channel to this one closes. */
export interface Member {
  readonly dataDir: string;
  readonly pid: number;
  readonly status: NodeStatus;
  readonly api: LocalNode;
  readonly child: ChildProcess;
}

/** Starts a node and waits until it says `ready`. Throws the node's own error when it ends before. */
export async function startMember(dataDir: string, flags: readonly string[]): Promise<Member> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, 'start', '--json', '--data-dir', dataDir, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  try {
    await readyOf(child);
    const api = connectNode(dataDir);
    return { dataDir, pid: child.pid as number, status: await api.status(), api, child };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** Closes the channel, which drains and stops the node; a node that does not end by then is killed. */
export async function stopMember({ child }: Pick<Member, 'child'>, deadlineMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  if (child.connected) child.disconnect();
  const kill = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  await ended;
  clearTimeout(kill);
}

async function readyOf(child: ChildProcess): Promise<void> {
  const errors: string[] = [];
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new PangeaError('INTERNAL', 'a node was started without pipes');
  createInterface({ input: stderr }).on('line', (line) => {
    errors.push(line);
    if (errors.length > 20) errors.shift();
  });
  const lines = createInterface({ input: stdout });
  let late: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      late = setTimeout(() => reject(new PangeaError('TIMEOUT', `a node was not ready within ${startTimeoutMs / 1000} s`)), startTimeoutMs);
      lines.on('line', (line) => {
        if (partOf(line) === 'ready') resolve();
      });
      child.once('error', reject);
      child.once('close', () => reject(errorOf(errors)));
    });
  } finally {
    clearTimeout(late);
  }
}

function partOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { part?: unknown }).part;
  } catch {
    return undefined;
  }
}

/** The last `{"error":…}` line of a node that did not start. */
function errorOf(lines: readonly string[]): PangeaError {
  for (const line of [...lines].reverse()) {
    try {
      const { error } = JSON.parse(line) as { error?: { code: string; message: string } };
      if (error !== undefined && error.code in errorCodes) return new PangeaError(error.code as ErrorCode, error.message);
    } catch {
      continue;
    }
  }
  return new PangeaError('INTERNAL', `a node ended while it started: ${lines.at(-1) ?? 'it said nothing'}`);
}

/** Programs of the bench while they run. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Program } from './programs.ts';

export interface Request {
  readonly op: 'about' | 'getNode' | 'echo' | 'put' | 'get' | 'raw-put' | 'raw-get' | 'control-put' | 'control-get';
  readonly address?: string;
  readonly token?: string;
  readonly inFlight?: number;
  readonly ms?: number;
  readonly bytes?: number;
  readonly chunk?: number;
  readonly link?: string;
  /** The control socket. */
  readonly socket?: string;
}

export interface Reply {
  /** Calls or bytes. */
  readonly done: number;
  readonly seconds: number;
  readonly link: string;
}

const ticksPerSecond = 100;
const startMs = 30_000;
const answerMs = 120_000;

/** A program that says its port in one line of JSON, and serves until it is ended. */
export class Server {
  readonly id: string;
  readonly address: string;
  readonly #child: ChildProcess;

  constructor(id: string, address: string, child: ChildProcess) {
    this.id = id;
    this.address = address;
    this.#child = child;
  }

  static async start({ id, command, args }: Program): Promise<Server> {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const line = await firstLine(child, id);
    return new Server(id, `127.0.0.1:${(JSON.parse(line) as { port: number }).port}`, child);
  }

  /** User and system time so far. */
  get cpuSeconds(): number {
    return cpuSecondsOf(this.#child.pid ?? 0);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}

/** One JSON request a line, one JSON reply a line. */
export class Client {
  readonly id: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor({ id, command, args }: Program) {
    this.id = id;
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  async ask(request: Request): Promise<Reply> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const late = AbortSignal.timeout(answerMs);
    const line = await Promise.race([this.#lines.next(), once(late, 'abort').then(() => undefined)]);
    if (line === undefined || line.done === true) throw new Error(`the ${this.id} client gives no answer to ${request.op}`);
    const { error, ...reply } = JSON.parse(line.value) as Reply & { error?: string };
    if (error !== undefined) throw new Error(`the ${this.id} client failed in ${request.op}: ${error}`);
    return reply;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin?.end();
    this.#child.kill();
    await once(this.#child, 'close');
  }
}

export function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

async function firstLine(child: ChildProcess, id: string): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  try {
    const [line] = (await Promise.race([
      once(lines, 'line', { signal: AbortSignal.timeout(startMs) }),
      once(child, 'error').then(([error]) => Promise.reject(error as Error)),
      once(child, 'close').then(() => Promise.reject(new Error(`the server ${id} ended before it listened`))),
    ])) as [string];
    return line;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

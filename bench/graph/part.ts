/** One process of the bench (or of a mesh under test), asked over Node's own channel between processes. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

interface Waiting {
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

const ticksPerSecond = 100;
const graceMs = 5_000;
const defaultTimeoutMs = 600_000;

export class Part {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed: Promise<unknown>;
  #next = 1;
  #said = '';

  /** `directory` becomes its working directory: gun.js leaves files there. */
  constructor(name: string, program: URL, directory: string, env: Readonly<Record<string, string>> = {}) {
    this.name = name;
    this.#child = fork(program, {
      cwd: directory, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'json',
      execArgv: ['--disable-warning=ExperimentalWarning', '--expose-gc', '--max-old-space-size=6144'], env: { ...process.env, ...env },
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#said = (this.#said + String(chunk)).slice(-2_000)));
    this.#child.on('message', (message) => this.#answered(message as { id: number; reply?: unknown; error?: string }));
    this.#child.on('error', (error) => this.#ended(error));
    this.#closed = once(this.#child, 'close').then(() => this.#ended(new Error(`${name} ended (${this.#child.signalCode ?? this.#child.exitCode}): ${this.#said.trim()}`)));
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** User and system time so far, by the kernel's count. */
  get cpuSeconds(): number {
    const text = readFileSync(`/proc/${this.#child.pid ?? 0}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }

  /** Rejects with the part's error, or when it ends or is silent for `timeoutMs`. */
  async ask<Reply>(op: string, argument: unknown = {}, timeoutMs = defaultTimeoutMs): Promise<Reply> {
    if (!this.alive) throw new Error(`${this.name} has ended: ${this.#said.trim()}`);
    const id = this.#next++;
    const late = setTimeout(() => this.#answered({ id, error: `no answer to ${op} within ${timeoutMs / 1000} s` }), timeoutMs);
    try {
      return (await new Promise<unknown>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#child.send({ id, op, argument }, (error) => {
          if (error) this.#answered({ id, error: error.message });
        });
      })) as Reply;
    } finally {
      clearTimeout(late);
    }
  }

  /** `SIGKILL`, as a crash: nothing in it gets a chance to finish. */
  async kill(): Promise<void> {
    if (this.alive) this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** Ends by itself when its channel closes; by force when it does not. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#closed;
    clearTimeout(late);
  }

  #answered({ id, reply, error }: { id: number; reply?: unknown; error?: string }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(reply);
    else waiting?.reject(new Error(`${this.name}: ${error}`));
  }

  #ended(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

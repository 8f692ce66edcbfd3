import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Not the launcher: a signal must reach the node itself, and the channel too. */
const program = fileURLToPath(new URL('../../src/cli/cli.ts', import.meta.url));

export interface PartLine {
  readonly part: string;
  readonly up: boolean;
  readonly detail: string;
}

/** A node as a process of its own, with what it says. */
export class NodeProcess {
  readonly child: ChildProcess;
  readonly parts: PartLine[] = [];
  stderr = '';
  readonly ended: Promise<number | null>;
  readonly #waiting: ((line: PartLine) => void)[] = [];

  constructor(dataDir: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    const free = ['rpc', 'p2p', 'dht', 'http'].flatMap((part) => (flags.includes(`--${part}-addr`) ? [] : [`--${part}-addr`, '127.0.0.1:0']));
    this.child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, 'start', '--json', '--mdns', 'off', '--data-dir', dataDir, ...free, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, ...env },
    });
    this.child.stderr?.on('data', (chunk: Buffer) => { this.stderr += String(chunk); });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const said = JSON.parse(line) as PartLine;
      this.parts.push(said);
      for (const waiting of this.#waiting) waiting(said);
    });
    // Not 'close': it does not come once the channel was closed from here.
    const streams = [this.child.stdout, this.child.stderr].map((stream) => once(stream as NodeJS.ReadableStream, 'close'));
    this.ended = Promise.all([once(this.child, 'exit'), ...streams]).then(([[code]]) => code as number | null);
  }

  /** Resolves when the part has been announced; rejects when the process ends before. */
  said(part: string): Promise<PartLine> {
    const known = this.parts.find((line) => line.part === part);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      this.#waiting.push((line) => { if (line.part === part) resolve(line); });
      void this.ended.then((code) => reject(new Error(`the node ended with ${code} before it said "${part}": ${this.stderr}`)));
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    return this.ended;
  }

  error(): { code: string; message: string } {
    const lines = this.stderr.trim().split('\n').filter((line) => line.startsWith('{"error":{'));
    if (lines.length !== 1) throw new Error(`expected one line of error, got: ${this.stderr}`);
    return (JSON.parse(lines[0] as string) as { error: { code: string; message: string } }).error;
  }
}

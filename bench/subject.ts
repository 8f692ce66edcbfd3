/** One subject of the benchmark as a process of its own, so that one's memory, threads and collector do not colour another's figures. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Hello, type Measured, type MeasureRequest, parseHello, parseMeasured } from './protocol.ts';

/** How to start a subject, or why it cannot be. Rivals are listed by `rivals/rivals.ts`. */
export interface SubjectStart {
  readonly id: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly present: boolean;
  readonly reason?: string;
}

interface Waiting {
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** Beyond the time that the rounds themselves take: starting, reading the data, warming up. */
const patienceMs = 60_000;
const graceMs = 2_000;

export class Subject {
  readonly id: string;
  readonly #child: ChildProcess;
  readonly #waiting: Waiting[] = [];
  readonly #closed: Promise<void>;
  #lastWords = '';
  #ended: Error | undefined;

  constructor({ id, command, args, cwd }: SubjectStart) {
    this.id = id;
    const child = spawn(command, args, { ...(cwd === undefined ? {} : { cwd }), stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdin.on('error', () => undefined); // told by 'close', with the reason
    child.stderr.on('data', (chunk: Buffer) => (this.#lastWords = (this.#lastWords + String(chunk)).slice(-2_000)));
    createInterface({ input: child.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(parseLine(line)));
    this.#closed = new Promise((resolve) => {
      child.once('error', (error) => this.#fail(error));
      child.once('close', (code, signal) => {
        this.#fail(new Error(`ended with ${signal ?? String(code)}: ${lastComplaint(this.#lastWords)}`));
        resolve();
      });
    });
  }

  async hello(): Promise<Hello> {
    return parseHello(await this.#ask({ op: 'hello' }, patienceMs));
  }

  async measure(request: MeasureRequest): Promise<Measured> {
    return parseMeasured(await this.#ask(request, request.rounds * request.roundMs + patienceMs), request);
  }

  /** Ends the process: by the end of its input, and by force when it does not heed that. */
  async close(): Promise<void> {
    this.#child.stdin?.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.#closed;
    clearTimeout(late);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(request: object, timeoutMs: number): Promise<unknown> {
    if (this.#ended !== undefined) throw this.#ended;
    const late = setTimeout(() => {
      this.#fail(new Error(`gave no answer within ${timeoutMs / 1000} s`));
      this.kill();
    }, timeoutMs);
    try {
      const reply = await new Promise<unknown>((resolve, reject) => {
        this.#waiting.push({ resolve, reject });
        this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
      });
      const { error } = (reply ?? {}) as { error?: unknown };
      if (error !== undefined) throw new Error(String(error));
      return reply;
    } finally {
      clearTimeout(late);
    }
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
  }
}

/** Of what a program said before its end the line that most likely tells why. */
function lastComplaint(words: string): string {
  const lines = words.trim().split('\n');
  return (lines.findLast((line) => /error|panic|fatal|cannot|not found/i.test(line)) ?? lines.at(-1) ?? '').trim().slice(0, 300);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return { error: `spoke no JSON: ${line.slice(0, 200)}` };
  }
}

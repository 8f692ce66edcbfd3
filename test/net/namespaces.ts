/** Network namespaces joined by the forwarder: machines of our own, with delay and loss. Needs root and a C compiler. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface PathQuality {
  /** One way, milliseconds. */
  readonly delayMs: number;
  /** Of packets, in each direction. */
  readonly lossPercent: number;
  readonly seed: number;
}

const prefix = 'pangea-t';
/** What may be under way in all paths together; more is dropped as a full router would. */
const queueMegabytes = 256;

export const addressOf = (index: number): string => `10.77.0.${index + 1}`;

export class Namespaces {
  readonly names: readonly string[];
  readonly #forwarder: ChildProcess;
  readonly #directory: string;
  #counters = '';

  private constructor(names: readonly string[], forwarder: ChildProcess, directory: string) {
    this.names = names;
    this.#forwarder = forwarder;
    this.#directory = directory;
    forwarder.stdout?.on('data', (chunk: Buffer) => (this.#counters += String(chunk)));
  }

  static async create(count: number, { delayMs, lossPercent, seed }: PathQuality): Promise<Namespaces> {
    const directory = mkdtempSync(join(tmpdir(), 'pangea-net-'));
    const program = join(directory, 'forwarder');
    execFileSync('cc', ['-O2', '-o', program, fileURLToPath(new URL('forwarder.c', import.meta.url))]);
    const names = Array.from({ length: count }, (_, index) => `${prefix}${process.pid}-${index}`);
    for (const name of names) ip('netns', 'add', name);
    const forwarder = spawn(program, [delayMs, lossPercent, seed, queueMegabytes].map(String).concat(names), { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(createInterface({ input: forwarder.stdout }), 'line');
    for (const [index, name] of names.entries()) {
      ip('-n', name, 'addr', 'add', `${addressOf(index)}/24`, 'dev', 'pangea0');
      ip('-n', name, 'link', 'set', 'pangea0', 'txqueuelen', '10000', 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    return new Namespaces(names, forwarder, directory);
  }

  /** The command that runs a program inside the namespace. */
  inside(index: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.names[index] ?? ''];
  }

  /** Packets by fate. */
  async remove(): Promise<unknown> {
    const ended = once(this.#forwarder, 'close');
    this.#forwarder.kill('SIGTERM');
    await ended;
    for (const name of this.names) ip('netns', 'del', name);
    rmSync(this.#directory, { recursive: true, force: true });
    return JSON.parse(this.#counters.trim().split('\n').at(-1) ?? '{}');
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

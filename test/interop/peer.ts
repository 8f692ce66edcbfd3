/** A peer of another make as a process: one JSON object a line to its stdin, one a line back. `docs/internals/interop.md`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { PeerId } from '../../src/ids/ids.ts';

export type Answer = Readonly<Record<string, unknown>>;

export interface Found {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
}

export interface PeerOptions {
  readonly seed: string;
  readonly listen: readonly string[];
  readonly bootstrap: readonly string[];
  readonly mdns?: string;
  readonly relay?: boolean;
}

export class InteropPeer {
  readonly name: string;
  readonly child: ChildProcess;
  peer = '' as PeerId;
  addresses: readonly string[] = [];
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #stderr = '';
  #next = 1;

  private constructor(name: string, [file, ...args]: readonly [string, ...string[]]) {
    this.name = name;
    this.child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stderr?.on('data', (chunk: Buffer) => { this.#stderr = (this.#stderr + String(chunk)).slice(-8192); });
    // Told by whoever waits for an answer that does not come.
    this.child.stdin?.on('error', () => undefined);
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const { id, ...answer } = JSON.parse(line) as Answer & { readonly id: number };
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
    this.child.once('exit', (code, signal) => {
      for (const waiting of this.#waiting.values()) waiting({ error: `${name} ended (${code ?? signal}): ${this.#stderr}` });
      this.#waiting.clear();
    });
  }

  /** The process, without a peer in it yet. */
  static run(name: string, command: readonly [string, ...string[]]): InteropPeer {
    return new InteropPeer(name, command);
  }

  static async start(name: string, command: readonly [string, ...string[]], options: PeerOptions): Promise<InteropPeer> {
    const peer = new InteropPeer(name, command);
    try {
      const started = await peer.ask('start', { ...options });
      peer.peer = started['peer'] as PeerId;
      peer.addresses = started['addresses'] as string[];
    } catch (error) {
      await peer.stop();
      throw error;
    }
    return peer;
  }

  /** Rejects with the peer's own words. */
  async ask(op: string, given: Answer = {}): Promise<Answer> {
    const id = this.#next++;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.child.stdin?.write(`${JSON.stringify({ ...given, op, id })}\n`);
    });
    if (typeof answer['error'] === 'string') throw new Error(`${this.name}: ${op}: ${answer['error']}`);
    return answer;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.stdin?.end();
    const killing = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(killing);
  }
}

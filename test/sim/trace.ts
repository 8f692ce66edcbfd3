import { createHash } from 'node:crypto';

/** What happened, in order. Equal seeds give equal hashes; the lines are kept only when they are wanted. */
export class Trace {
  readonly lines: string[] = [];
  readonly #hash = createHash('sha256');
  readonly #keep: boolean;
  readonly #timeMs: () => number;

  constructor(timeMs: () => number, keep: boolean) {
    this.#timeMs = timeMs;
    this.#keep = keep;
  }

  add(line: string): void {
    const full = `${this.#timeMs().toFixed(3)} ${line}`;
    this.#hash.update(full).update('\n');
    if (this.#keep) this.lines.push(full);
  }

  /** For people only: what the nodes log is no part of the hash. */
  note(line: string): void {
    if (this.#keep) this.lines.push(`${this.#timeMs().toFixed(3)} ${line}`);
  }

  hash(): string {
    return this.#hash.copy().digest('hex');
  }
}

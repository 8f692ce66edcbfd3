import type { GraphNode } from '../data/node.ts';
import type { Field } from '../data/types.ts';
import type { Replica } from '../replica/replica.ts';
import type { Clock } from '../../std/std.ts';
import type { ReconcileLimits } from './limits.ts';
import { writeNode } from './messages.ts';
import { loadAll } from './sweep.ts';

export interface SenderOptions {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly limits: ReconcileLimits;
  /** Message `number` with nodes as rows. */
  readonly send: (number: number, rows: readonly unknown[]) => void;
}

/** Souls read at once. */
const soulsAtOnce = 256;

/** Sends nodes as they are now, with no more messages under way than the window. */
export class NodeSender {
  readonly #options: SenderOptions;
  #queue: string[] = [];
  #next = 0;
  #taken = 0;
  #running = false;
  #closed = false;
  #wake: (() => void)[] = [];

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  add(souls: readonly string[]): void {
    for (const soul of souls) this.#queue.push(soul);
    if (!this.#running && !this.#closed && this.#queue.length > 0) void this.#run();
  }

  /** The other side has dealt with message `number`; they come in order. */
  took(number: number): boolean {
    if (number !== this.#taken || number >= this.#next) return false;
    this.#taken++;
    this.#notify();
    return true;
  }

  /** Resolves when the queue is short enough for more, or everything was sent and taken; false when closed. */
  async until(what: 'room' | 'idle'): Promise<boolean> {
    while (!this.#closed && !(what === 'room' ? this.#queue.length <= this.#options.limits.queuedSouls : this.#idle())) await this.#change();
    return !this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#notify();
  }

  #idle(): boolean {
    return !this.#running && this.#queue.length === 0 && this.#taken === this.#next;
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#queue.length > 0 && !this.#closed) {
        const souls = this.#queue.splice(0, soulsAtOnce);
        for (const node of await loadAll(this.#options.replica, souls)) if (node) await this.#node(node);
        if (this.#queue.length === 0) await this.#flush();
        this.#notify();
      }
    } catch {
      // A store that cannot be read says so to its other callers; the run ends when the peer hears no more.
      this.close();
    } finally {
      this.#running = false;
      this.#notify();
    }
  }

  #rows: unknown[] = [];
  #chars = 0;
  #fields = 0;

  async #node(node: GraphNode): Promise<void> {
    const { nodeChars, nodeFields } = this.#options.limits;
    let part: Field[] = [];
    const end = (): void => {
      if (part.length > 0) this.#rows.push(writeNode(node.soul, part));
      part = [];
    };
    for (const field of node.fields()) {
      const size = field.key.length + (typeof field.value === 'string' ? field.value.length : 20) + 20;
      if (this.#fields === nodeFields || (this.#chars > 0 && this.#chars + size > nodeChars)) {
        end();
        await this.#flush();
        if (this.#closed) return;
      }
      part.push(field);
      this.#fields++;
      this.#chars += size;
    }
    end();
    this.#chars += node.soul.length;
  }

  async #flush(): Promise<void> {
    if (this.#rows.length === 0) return;
    while (this.#next - this.#taken >= this.#options.limits.window && !this.#closed) await this.#change();
    if (this.#closed) return;
    const rows = this.#rows;
    this.#rows = [];
    this.#chars = 0;
    this.#fields = 0;
    this.#options.send(this.#next++, rows);
    await this.#options.clock.sleep(0);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const each of wake) each();
  }
}

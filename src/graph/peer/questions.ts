import type { Query } from '../data/types.ts';
import type { IncomingGet, IncomingPut, Mesh } from '../dam/dam.ts';
import type { Deadlines } from './deadlines.ts';
import type { PeerLimits } from './limits.ts';
import type { Asked } from './peer.ts';

interface Question {
  /** Peers that have not answered. */
  left: number;
  readonly end: (result: Asked) => void;
  readonly cancel: () => void;
}

/** Questions to peers, of this process and on behalf of others, until they are answered or their time is up. */
export class Questions {
  readonly #limits: PeerLimits;
  readonly #deadlines: Deadlines;
  readonly #open = new Map<string, Question>();

  constructor(limits: PeerLimits, deadlines: Deadlines) {
    this.#limits = limits;
    this.#deadlines = deadlines;
  }

  ask(mesh: Mesh, query: Query, waitMs: number): Promise<Asked> {
    const { id, peers } = mesh.get(query);
    return new Promise((resolve) => this.#wait(id, peers, waitMs, resolve));
  }

  /** `ended` is called at once when there is nobody to ask. */
  askFor(mesh: Mesh, message: IncomingGet, waitMs: number, ended: (result: Asked) => void): void {
    this.#wait(message.id, mesh.relayGet(message), waitMs, ended);
  }

  isOpen(id: string | undefined): boolean {
    return id !== undefined && this.#open.has(id);
  }

  /** An answer that found nothing. */
  absent({ answers }: IncomingPut): void {
    const question = answers === undefined ? undefined : this.#open.get(answers);
    if (question && --question.left <= 0) this.#end(answers as string, 'absent');
  }

  /** An answer whose data is merged. */
  answered(id: string | undefined): void {
    if (id !== undefined && this.#open.has(id)) this.#end(id, 'answered');
  }

  close(): void {
    for (const id of this.#open.keys()) this.#end(id, 'silent');
  }

  #wait(id: string, peers: number, waitMs: number, end: (result: Asked) => void): void {
    if (peers === 0 || this.#open.size >= this.#limits.questions) return end('silent');
    const cancel = this.#deadlines.after(waitMs, () => this.#end(id, 'silent'));
    this.#open.set(id, { left: peers, end, cancel });
  }

  #end(id: string, result: Asked): void {
    const question = this.#open.get(id);
    if (!question) return;
    this.#open.delete(id);
    question.cancel();
    question.end(result);
  }
}

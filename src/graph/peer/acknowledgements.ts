import type { IncomingAck } from '../dam/dam.ts';
import type { Deadlines } from './deadlines.ts';
import type { PeerLimits } from './limits.ts';
import type { PutAck, PutOptions } from './peer.ts';

interface Awaited {
  left: number;
  readonly onAck: (ack: PutAck) => void;
  readonly cancel: () => void;
}

/** Puts of this process that somebody wants to hear of. */
export class Acknowledgements {
  readonly #limits: PeerLimits;
  readonly #deadlines: Deadlines;
  readonly #awaited = new Map<string, Awaited>();
  /** Messages that carry earlier puts again: those are acknowledged when all of these are. */
  readonly #again = new Map<string, { left: number; readonly puts: readonly string[] }>();

  constructor(limits: PeerLimits, deadlines: Deadlines) {
    this.#limits = limits;
    this.#deadlines = deadlines;
  }

  expect(id: string, { onAck, acks = 1, lackMs = this.#limits.lackMs }: PutOptions): void {
    if (!onAck || acks < 1 || this.#awaited.size >= this.#limits.awaitedPuts) return;
    const cancel = this.#deadlines.after(lackMs, () => {
      this.#awaited.delete(id);
      onAck({ from: '', stored: undefined, ok: undefined, err: 'Error: No ACK yet.', message: undefined, lack: true });
    });
    this.#awaited.set(id, { left: acks, onAck, cancel });
  }

  /** `puts` were sent again in `messages`. */
  again(puts: readonly string[], messages: readonly string[]): void {
    const awaited = puts.filter((id) => this.#awaited.has(id));
    if (awaited.length === 0 || messages.length === 0) return;
    const group = { left: messages.length, puts: awaited };
    for (const id of messages) this.#again.set(id, group);
    this.#deadlines.after(this.#limits.lackMs, () => {
      for (const id of messages) this.#again.delete(id);
    });
  }

  ack(ack: IncomingAck): void {
    this.#give(ack.answers, ack);
    const group = this.#again.get(ack.answers);
    if (!group) return;
    this.#again.delete(ack.answers);
    group.left--;
    if (ack.err !== undefined || group.left === 0) for (const id of group.puts) this.#give(id, ack);
  }

  #give(id: string, { answers, ok, err, from }: IncomingAck): void {
    const awaited = this.#awaited.get(id);
    if (!awaited) return;
    if (err === undefined && --awaited.left <= 0) {
      this.#awaited.delete(id);
      awaited.cancel();
    }
    const message = err === undefined ? { '@': answers, ok } : { '@': answers, err };
    awaited.onAck({ from: from.pid, stored: err === undefined ? storedBy(ok) : undefined, ok: err === undefined ? ok : undefined, err, message, lack: false });
  }
}

function storedBy(ok: unknown): 'memory' | 'disk' {
  return typeof ok === 'object' && ok !== null && Object.hasOwn(ok, 'memory') ? 'memory' : 'disk';
}

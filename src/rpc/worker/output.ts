/** What goes to one client: what one turn made in one write, and a watch over what the client does not take. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../std/std.ts';
import { limits } from '../limits.ts';

/** One write: a chunk with what surrounds it. Larger ones would hide for long whether the client takes anything. */
const writeBytes = limits.chunkBytes + 64 * 1024;
/** Pieces of a write are copied together up to this; beyond it a copy costs more than a vector entry. */
const joinedBytes = 16 * 1024;
/** Streams stop filling the output here, so that the answers of other calls do not wait behind them for long. */
const fullBytes = 4 * 1024 * 1024;
/** Who takes less than this in the time is cut off. */
const leastTakenBytes = 1024 * 1024;

export interface OutputEvents {
  /** Less is unread than before. */
  readonly taken: (bytes: number) => void;
  /** A piece was written in one go and is not needed any more. */
  readonly spent: (piece: Uint8Array) => void;
  /** Too much was unread for too long. */
  readonly stuck: () => void;
}

export class Output {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #events: OutputEvents;
  #pieces: Uint8Array[] = [];
  #unreadBytes = 0;
  #takenBytes = 0;
  #isScheduled = false;
  #isWriting = false;
  #isClosed = false;
  #stuckTimer: Timer | undefined;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket, clock: Clock, events: OutputEvents) {
    this.#socket = socket;
    this.#clock = clock;
    this.#events = events;
  }

  /** Handed over, and not yet taken by the system for the client. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  get isFull(): boolean {
    return this.#unreadBytes > fullBytes;
  }

  /** The bytes are the output's from now on. */
  send(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#pieces.push(bytes);
    this.#unreadBytes += bytes.length;
    if (this.#isScheduled || this.#isWriting) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      this.#write(writeBytes);
    });
  }

  /** Resolves when the client took something, at the signal, or when the connection ended. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.#waiting.push(done);
    });
  }

  /** What was sent still goes to the socket; nothing is watched any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isWriting = false;
    this.#write(Infinity);
    this.#isClosed = true;
    this.#stuckTimer?.cancel();
    this.#tell();
  }

  #write(most: number): void {
    if (this.#isWriting || this.#isClosed || this.#pieces.length === 0 || this.#socket.destroyed) return;
    const { taken, bytes } = this.#take(most);
    this.#isWriting = true;
    const done = (): void => {
      for (const piece of taken) this.#events.spent(piece);
      this.#taken(bytes);
    };
    if (taken.length === 1) this.#socket.write(taken[0] as Uint8Array, done);
    else if (bytes <= joinedBytes) this.#socket.write(Buffer.concat(taken, bytes), done);
    else {
      this.#socket.cork();
      for (const piece of taken.slice(0, -1)) this.#socket.write(piece);
      this.#socket.write(taken.at(-1) as Uint8Array, done);
      this.#socket.uncork();
    }
    this.#watch();
  }

  #take(most: number): { taken: Uint8Array[]; bytes: number } {
    const taken: Uint8Array[] = [];
    let bytes = 0;
    let count = 0;
    for (const piece of this.#pieces) {
      if (bytes + piece.length > most) break;
      taken.push(piece);
      bytes += piece.length;
      count += 1;
    }
    this.#pieces.splice(0, count);
    const [next] = this.#pieces;
    if (bytes > 0 || next === undefined) return { taken, bytes };
    this.#pieces[0] = next.subarray(most);
    return { taken: [next.subarray(0, most)], bytes: most };
  }

  #taken(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#takenBytes += bytes;
    if (this.#isClosed) return;
    this.#isWriting = false;
    this.#write(writeBytes);
    this.#watch();
    this.#tell();
    this.#events.taken(bytes);
  }

  #watch(): void {
    if (!this.isFull) {
      this.#stuckTimer?.cancel();
      this.#stuckTimer = undefined;
    } else if (this.#stuckTimer === undefined) {
      const before = this.#takenBytes;
      this.#stuckTimer = this.#clock.after(limits.unreadTimeoutMs, () => {
        this.#stuckTimer = undefined;
        if (this.#takenBytes - before < leastTakenBytes) this.#events.stuck();
        else this.#watch();
      });
    }
  }

  #tell(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** One client: its socket, its engine, and the bounds of what it may make the node hold. */
import type { Socket } from 'node:net';
import { isPangeaError, PangeaError } from '../../errors/errors.ts';
import { abortedBy } from '../bridge/errors.ts';
import type { Engine, EngineConnection } from '../engine/engine.ts';
import { limits } from '../limits.ts';
import { pangeaNode } from '../servants/pangea-node.ts';
import type { Slot, Surface } from '../servants/surface.ts';
import type { SharedMemory } from './memory.ts';
import { Output } from './output.ts';

/** What is the same for all connections of a server. */
export interface ConnectionParts extends Pick<Surface, 'node' | 'clock' | 'logger' | 'logins' | 'facts' | 'count' | 'closing' | 'chunks' | 'pieces'> {
  readonly engine: Engine;
  readonly memory: SharedMemory;
  /** Room among the blocks of all connections, and then of this one. */
  readonly blocks: { forConnection(): Surface['block'] };
  readonly transfers: { take(): () => void };
}

const mostOf: Readonly<Record<Slot, number>> = {
  session: limits.sessionsPerConnection, transfer: limits.transfersPerConnection, subscription: limits.subscriptionsPerConnection,
};

/** For what is still in the socket when a connection ends. */
const lastWordsMs = 2_000;
const drainStepMs = 10;

export class Connection {
  readonly #parts: ConnectionParts;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #engine: EngineConnection;
  readonly #share: ReturnType<SharedMemory['join']>;
  readonly #ended = new AbortController();
  readonly #address: string;
  /** Memory of the servants' own. */
  #heldBytes = 0;
  readonly #taken: Record<Slot, number> = { session: 0, transfer: 0, subscription: 0 };
  #isPaused = false;

  constructor(parts: ConnectionParts, socket: Socket, address: string) {
    this.#parts = parts;
    this.#socket = socket;
    this.#address = address;
    this.#share = parts.memory.join((reason) => this.end(reason));
    this.#output = new Output(socket, parts.clock, {
      taken: (bytes) => {
        parts.count('bytesOut', '', bytes);
        this.#regulate();
      },
      spent: (piece) => parts.chunks.giveBack(piece.buffer),
      stuck: () => this.end(new PangeaError('TIMEOUT', `the client took next to none of its output for ${limits.unreadTimeoutMs} ms`)),
    });
    this.#engine = parts.engine.connect({
      bootstrap: pangeaNode(this.#surface()),
      limits: {
        messageBytes: limits.messageBytes, traversalWords: limits.traversalWords, nesting: limits.nesting,
        unansweredCalls: limits.unansweredCalls, capabilities: limits.capabilities, memoryBytes: limits.connectionMemoryBytes,
      },
      send: (bytes) => this.#output.send(bytes),
      ended: (reason) => this.end(reason),
    });
    this.#engine.onResumed(() => this.#regulate());
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('end', () => this.end(undefined));
    socket.on('error', () => this.end(undefined));
    socket.on('close', () => this.end(undefined));
    // Half a gigabyte of dead peers that never said goodbye is worse than a probe a minute.
    socket.setKeepAlive(true, 60_000);
    socket.setNoDelay(true);
  }

  get isEnded(): boolean {
    return this.#ended.signal.aborted;
  }

  get memoryBytes(): number {
    return this.isEnded ? 0 : this.#engine.counts().memoryBytes + this.#output.unreadBytes + this.#heldBytes;
  }

  onEnded(run: () => void): void {
    this.#ended.signal.addEventListener('abort', run, { once: true });
  }

  /** Everything that the client began ends here. Safe to repeat. */
  end(reason: Error | undefined): void {
    if (this.isEnded) return;
    if (reason !== undefined) {
      const { code, message } = isPangeaError(reason) ? reason : { code: 'PROTOCOL', message: reason.message };
      this.#parts.count('refusals', code);
      this.#parts.logger.info({ address: this.#address, code, reason: message }, 'an RPC connection was ended');
    }
    this.#ended.abort(new PangeaError('ABORTED', 'the client is gone'));
    this.#engine?.close();
    this.#share.leave();
    this.#output.close();
    // What the engine has to say about the reason goes out before the socket closes; a client that does not read gets little time for it.
    this.#socket.destroySoon();
    const late = this.#parts.clock.after(lastWordsMs, () => this.#socket.destroy());
    this.#socket.once('close', () => late.cancel());
  }

  /** New calls are refused from `parts.closing` on; ends when those under way are answered, or at once at the signal. */
  async drain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#isBusy) await this.#parts.clock.sleep(drainStepMs, signal).catch(() => undefined);
    this.end(undefined);
  }

  get #isBusy(): boolean {
    return !this.isEnded && (this.#taken.transfer > 0 || this.#engine.counts().unansweredCalls > 0 || this.#output.unreadBytes > 0);
  }

  #receive(bytes: Buffer): void {
    if (this.isEnded) return;
    this.#parts.count('bytesIn', '', bytes.length);
    this.#engine.receive(bytes);
    this.#regulate();
  }

  /** Reads from the client while it keeps to its bounds. */
  #regulate(): void {
    if (this.isEnded || this.#engine === undefined) return;
    const { memoryBytes } = this.#engine.counts();
    if (memoryBytes + this.#output.unreadBytes > limits.connectionMemoryBytes + limits.unreadBytes) {
      return this.end(new PangeaError('TOO_LARGE', 'the connection holds too much memory'));
    }
    this.#share.set(memoryBytes + this.#output.unreadBytes + this.#heldBytes);
    if (this.isEnded) return;
    const isFull = this.#engine.isPaused || this.#output.unreadBytes > limits.unreadBytes || this.#heldBytes > limits.connectionMemoryBytes / 2;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }

  #surface(): Surface {
    const { node, clock, logger, logins, facts, count, closing, chunks, pieces, blocks, transfers } = this.#parts;
    const taken = this.#taken;
    return {
      node, clock, logger, logins, facts, count, closing, chunks, pieces,
      address: this.#address,
      signal: this.#ended.signal,
      take: (slot) => {
        if (taken[slot] >= mostOf[slot]) throw new PangeaError('TOO_MANY', `a connection has at most ${mostOf[slot]} ${slot}s`);
        const back = slot === 'transfer' ? transfers.take() : () => undefined;
        taken[slot] += 1;
        let isTaken = true;
        return () => {
          if (!isTaken) return;
          isTaken = false;
          taken[slot] -= 1;
          back();
        };
      },
      block: blocks.forConnection(),
      hold: (bytes) => {
        this.#heldBytes += bytes;
        this.#regulate();
      },
      pace: async (signal) => {
        while (this.#output.isFull && !signal.aborted && !this.isEnded) await this.#output.changed(signal);
        if (signal.aborted) throw abortedBy(signal);
        if (this.isEnded) throw abortedBy(this.#ended.signal);
      },
    };
  }
}

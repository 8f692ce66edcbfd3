/**
 * Messages between nodes: `/pangea/message/1.0.0`, one a stream. Length u32 (big-endian, at most 64 KiB) and the bytes, then the
 * writer closes; the answer is one byte: 0 taken, 1 busy, 2 refused. Taken means handed to whoever listens then; nothing is kept.
 */
import { bodyFrom } from '../body/body.ts';
import { PangeaError, asPangeaError } from '../errors/errors.ts';
import type { Host, HostStream } from '../host/host.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Clock } from '../std/std.ts';
import { readAll } from './member-streams.ts';

export const messageProtocol = '/pangea/message/1.0.0';

export const messageLimits = {
  bytes: 64 * 1024,
  /** Messages of one peer: this many a second, and so many at once. */
  perSecond: 32,
  burst: 128,
  /** Peers whose rate is remembered. */
  peers: 1024,
  streams: 64,
  timeoutMs: 10_000,
} as const;

const answers = { taken: 0, busy: 1, refused: 2 } as const;

export interface MessagesParts {
  readonly host: Host;
  readonly clock: Clock;
  /** Whether a peer may say something at all. */
  readonly admits: (peer: PeerId) => boolean;
  readonly onMessage: (from: PeerId, data: Uint8Array) => void;
}

export class Messages {
  readonly #parts: MessagesParts;
  readonly #rates = new Map<PeerId, { tokens: number; atMs: number }>();
  #serving = 0;

  constructor(parts: MessagesParts) {
    this.#parts = parts;
  }

  serve(): void {
    const { host, clock } = this.#parts;
    host.handle(messageProtocol, async (stream) => {
      if (this.#serving >= messageLimits.streams) throw new PangeaError('PEER_BUSY', 'too many messages under way');
      this.#serving++;
      const late = clock.after(messageLimits.timeoutMs, () => stream.reset());
      try {
        await stream.write(bodyFrom(Uint8Array.of(await this.#take(stream))));
      } finally {
        late.cancel();
        this.#serving--;
      }
    });
  }

  /** Throws `TOO_LARGE`, `PEER_UNREACHABLE`, `PEER_BUSY`, `PEER_REFUSED`, and `PROTOCOL` by a peer that knows no messages. */
  async send(peer: PeerId, data: Uint8Array): Promise<void> {
    const { host, clock } = this.#parts;
    if (data.length > messageLimits.bytes) throw new PangeaError('TOO_LARGE', `a message has at most ${messageLimits.bytes} bytes`);
    if (peer === host.peerId) return this.#parts.onMessage(peer, data.slice());
    const stream = await host.openStream(peer, messageProtocol, messageLimits.timeoutMs);
    const late = clock.after(messageLimits.timeoutMs, () => stream.reset());
    try {
      await stream.write(bodyFrom(encodeMessage(data)));
      await stream.closeWrite();
      const [answer] = await readAll(stream, 1);
      if (answer === answers.taken) return;
      if (answer === answers.busy) throw new PangeaError('PEER_BUSY', `${peer} takes no more messages now`, { data: { peer } });
      throw new PangeaError('PEER_REFUSED', `${peer} did not take the message`, { data: { peer } });
    } catch (error) {
      throw asPangeaError(error, 'PEER_UNREACHABLE');
    } finally {
      late.cancel();
      stream.reset();
    }
  }

  async #take(stream: HostStream): Promise<number> {
    const { admits, onMessage } = this.#parts;
    if (!admits(stream.peer)) return answers.refused;
    if (!this.#isWithinRate(stream.peer)) return answers.busy;
    const data = parseMessage(await readAll(stream, 4 + messageLimits.bytes));
    if (data === undefined) return answers.refused;
    onMessage(stream.peer, data);
    return answers.taken;
  }

  /** A bucket a peer, filled by time. */
  #isWithinRate(peer: PeerId): boolean {
    const nowMs = this.#parts.clock.monotonicMs();
    const known = this.#rates.get(peer) ?? { tokens: messageLimits.burst, atMs: nowMs };
    const tokens = Math.min(messageLimits.burst, known.tokens + ((nowMs - known.atMs) / 1000) * messageLimits.perSecond);
    this.#rates.delete(peer);
    this.#rates.set(peer, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    const [oldest] = this.#rates.keys();
    if (this.#rates.size > messageLimits.peers && oldest !== undefined) this.#rates.delete(oldest);
    return tokens >= 1;
  }
}

export function encodeMessage(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + data.length);
  new DataView(out.buffer).setUint32(0, data.length);
  out.set(data, 4);
  return out;
}

/** `undefined` for what is no message: the length has to be that of the rest. */
export function parseMessage(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < 4) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0);
  return length === bytes.length - 4 && length <= messageLimits.bytes ? bytes.slice(4) : undefined;
}

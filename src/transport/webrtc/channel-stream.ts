/**
 * A data channel as a stream of the host. WebRTC has no way to slow a sender down, so each side grants credit:
 * messages of one byte kind and content, at most 64 KiB (`schema/webrtc.md`).
 */
import type { DataChannel } from 'node-datachannel';
import { type Body, bodyFrom } from '../../body/body.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { HostStream } from '../../host/host.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { Clock, Timer } from '../../std/std.ts';
import { guarded } from './library.ts';

export const channelLimits = {
  /** The largest message that every WebRTC implementation takes. */
  messageBytes: 64 * 1024 - 1,
  /** Bytes that a peer may have sent and nobody has read. */
  windowBytes: 1024 * 1024,
  /** Bytes that wait in the library before a writer waits. */
  bufferedBytes: 256 * 1024,
  /** How long the opener may take to close a stream that both have ended. */
  lingerMs: 10_000,
} as const;

const kind = { data: 0, end: 1, credit: 2 } as const;

export interface ChannelStreamOptions {
  readonly peer: PeerId;
  readonly channel: DataChannel;
  readonly direction: 'inbound' | 'outbound';
  readonly clock: Clock;
  /** Once, when the channel is closed, by whomever. */
  readonly closed: () => void;
  /** The peer broke the rules: the whole link must go. */
  readonly violated: (error: PangeaError) => void;
}

export class ChannelStream implements HostStream {
  readonly peer: PeerId;
  readonly protocol: string;
  readonly opened: Promise<void>;
  readonly #options: ChannelStreamOptions;
  /** Gone as soon as the channel is closed: any use of it then would end the process. */
  #channel: DataChannel | undefined;
  readonly #opening = Promise.withResolvers<void>();
  readonly #received: Uint8Array[] = [];
  #unreadBytes = 0;
  #ungrantedBytes = 0;
  #creditBytes: number = channelLimits.windowBytes;
  #remoteEnded = false;
  #ended = false;
  #failure: PangeaError | undefined;
  #lingering: Timer | undefined;
  #wakeReader: (() => void) | undefined;
  readonly #wakeWriters = new Set<() => void>();

  constructor(options: ChannelStreamOptions) {
    const { peer, channel } = options;
    this.#options = options;
    this.#channel = channel;
    this.peer = peer;
    this.protocol = channel.getLabel();
    this.opened = this.#opening.promise;
    // Nobody may wait for it.
    this.opened.catch(() => undefined);
    const safely = <A extends readonly unknown[]>(run: (...args: A) => void): ((...args: A) => void) => guarded(run, () => this.#close('a callback failed'));
    channel.setBufferedAmountLowThreshold(channelLimits.bufferedBytes / 2);
    channel.onOpen(safely(() => this.#opening.resolve()));
    channel.onClosed(safely(() => this.#close('the peer closed the stream')));
    channel.onError(safely((text: string) => this.#close(text)));
    channel.onBufferedAmountLow(safely(() => this.#wakeAll()));
    channel.onMessage(safely((message: string | Buffer | ArrayBuffer) => this.#take(message)));
    if (channel.isOpen()) this.#opening.resolve();
  }

  /** This side has ended, and nobody knows yet whether the peer has read it all. */
  get isFlushing(): boolean {
    return this.#ended && this.#channel !== undefined;
  }

  async read(): Promise<Body | undefined> {
    for (;;) {
      const bytes = this.#received.shift();
      if (bytes !== undefined) {
        this.#unreadBytes -= bytes.length;
        this.#ungrantedBytes += bytes.length;
        if (this.#ungrantedBytes >= channelLimits.windowBytes / 4) this.#grant();
        return bodyFrom(bytes);
      }
      if (this.#remoteEnded) return undefined;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
  }

  async write(body: Body): Promise<void> {
    const bytes = body.bytes();
    const step = channelLimits.messageBytes - 1;
    await this.opened;
    for (let at = 0; at < bytes.length; at += step) {
      const piece = bytes.subarray(at, at + step);
      for (;;) {
        if (this.#ended) throw new PangeaError('INTERNAL', 'a write after the end of the stream');
        const channel = this.#open();
        if (this.#creditBytes >= piece.length && channel.bufferedAmount() <= channelLimits.bufferedBytes) break;
        await new Promise<void>((resolve) => this.#wakeWriters.add(resolve));
      }
      this.#creditBytes -= piece.length;
      const message = Buffer.allocUnsafe(1 + piece.length);
      message[0] = kind.data;
      message.set(piece, 1);
      this.#open().sendMessageBinary(message);
    }
  }

  async closeWrite(): Promise<void> {
    await this.opened;
    if (this.#ended) return;
    this.#ended = true;
    this.#open().sendMessageBinary(Buffer.of(kind.end));
  }

  reset(): void {
    // A close overtakes what it follows. So after a clean end only the opener closes, who has read all then.
    if (this.#ended && this.#remoteEnded && this.#options.direction === 'inbound') {
      this.#lingering ??= this.#options.clock.after(channelLimits.lingerMs, () => this.#close('the opener never closed the stream'));
      return;
    }
    this.#close('the stream was dropped here');
  }

  #open(): DataChannel {
    if (this.#channel === undefined) throw this.#failure ?? new PangeaError('PEER_UNREACHABLE', 'the stream is closed');
    if (!this.#channel.isOpen()) throw new PangeaError('PEER_UNREACHABLE', 'the data channel is not open');
    return this.#channel;
  }

  #grant(): void {
    if (this.#channel === undefined || !this.#channel.isOpen() || this.#remoteEnded) return;
    const message = Buffer.alloc(5);
    message[0] = kind.credit;
    message.writeUInt32LE(this.#ungrantedBytes, 1);
    this.#ungrantedBytes = 0;
    this.#channel.sendMessageBinary(message);
  }

  #take(message: string | Buffer | ArrayBuffer): void {
    const bytes = typeof message === 'string' ? new Uint8Array(0) : new Uint8Array(message);
    const refuse = (why: string): void => this.#options.violated(new PangeaError('PROTOCOL', why));
    if (this.#remoteEnded && bytes[0] !== kind.credit) return refuse('a message after the end of its stream');
    if (bytes[0] === kind.data) {
      this.#unreadBytes += bytes.length - 1;
      if (this.#unreadBytes + this.#ungrantedBytes > channelLimits.windowBytes) return refuse('more bytes than credit was given for');
      if (bytes.length > 1) this.#received.push(bytes.subarray(1));
    } else if (bytes[0] === kind.end && bytes.length === 1) {
      this.#remoteEnded = true;
    } else if (bytes[0] === kind.credit && bytes.length === 5) {
      this.#creditBytes += new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
      if (this.#creditBytes > channelLimits.windowBytes) return refuse('credit beyond the window');
      return this.#wakeAll();
    } else {
      return refuse('a message of an unknown kind');
    }
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  #wakeAll(): void {
    for (const wake of this.#wakeWriters) wake();
    this.#wakeWriters.clear();
  }

  #close(reason: string): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    this.#channel = undefined;
    this.#lingering?.cancel();
    this.#failure = new PangeaError('PEER_UNREACHABLE', reason);
    this.#opening.reject(this.#failure);
    channel.close();
    this.#wakeReader?.();
    this.#wakeReader = undefined;
    this.#wakeAll();
    this.#options.closed();
  }
}

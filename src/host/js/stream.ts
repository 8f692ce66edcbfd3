/**
 * A js-libp2p stream as a `HostStream`.
 *
 * Two things differ from what the library's own iterator gives: an unread stream is paused, so the remote's yamux
 * window runs dry instead of this node's memory filling; and a connection that is lost is an error, not an end.
 */
import type { Stream } from '@libp2p/interface';

import { type Body, bodyFrom } from '../../body/body.ts';
import { PangeaError } from '../../errors/errors.ts';
import type { PeerId } from '../../ids/ids.ts';
import type { HostStream } from '../host.ts';
import { hostLimits } from '../limits.ts';

export class JsHostStream implements HostStream {
  readonly peer: PeerId;
  readonly protocol: string;
  readonly #stream: Stream;
  #queued: Uint8Array[] = [];
  #reading: { resolve: (body: Body | undefined) => void; reject: (error: PangeaError) => void } | undefined;
  #finSeen: boolean;
  #ended: boolean;
  /** The remote's end was told while the negotiation still held bytes: they come, and no second end behind them. */
  #endsWithNext: boolean;
  #failure: PangeaError | undefined;

  constructor(stream: Stream, peer: PeerId) {
    this.peer = peer;
    this.protocol = stream.protocol;
    this.#stream = stream;
    this.#finSeen = stream.remoteWriteStatus === 'closed' && (stream.status === 'open' || stream.status === 'closing');
    this.#endsWithNext = stream.readableEnded && stream.readBufferLength > 0;
    this.#ended = stream.readableEnded && !this.#endsWithNext;
    stream.addEventListener('remoteCloseWrite', () => {
      this.#finSeen = true;
    });
    stream.addEventListener('end', () => this.#end());
    stream.addEventListener('close', (event) => {
      if (event.error) this.#fail(event.error);
      else if (!this.#finSeen) this.#fail(new Error('the connection closed'));
    });
    stream.addEventListener('message', (event) => this.#take(event.data.subarray()));
    if (stream.status === 'aborted' || stream.status === 'reset') this.#fail(new Error('the stream was reset'));
  }

  read(): Promise<Body | undefined> {
    const next = this.#queued.shift();
    if (next !== undefined) {
      const part = next.subarray(0, hostLimits.readBytes);
      if (part.length < next.length) this.#queued.unshift(next.subarray(part.length));
      else if (this.#queued.length === 0) this.#resume();
      return Promise.resolve(bodyFrom(part));
    }
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(undefined);
    if (this.#reading) return Promise.reject(new PangeaError('INTERNAL', 'two reads of one stream at the same time'));
    return new Promise((resolve, reject) => {
      this.#reading = { resolve, reject };
      this.#resume();
    });
  }

  async write(body: Body): Promise<void> {
    const bytes = body.bytes();
    for (let at = 0; at < bytes.length; at += hostLimits.frameBytes) {
      this.#throwIfUnwritable();
      try {
        this.#stream.send(bytes.subarray(at, at + hostLimits.frameBytes));
      } catch (error) {
        throw this.#failure ?? lost(error);
      }
      await this.#drained();
    }
  }

  async closeWrite(): Promise<void> {
    if (this.#failure) throw this.#failure;
    try {
      await this.#stream.close();
    } catch (error) {
      throw this.#failure ?? lost(error);
    }
  }

  reset(): void {
    const over = this.#ended && this.#stream.writeStatus === 'closed';
    this.#failure ??= new PangeaError('ABORTED', 'the stream was reset on this side');
    this.#queued = [];
    if (!over) this.#stream.abort(this.#failure);
    this.#reading?.reject(this.#failure);
    this.#reading = undefined;
  }

  #take(bytes: Uint8Array): void {
    if (this.#reading && bytes.length <= hostLimits.readBytes) {
      const { resolve } = this.#reading;
      this.#reading = undefined;
      resolve(bodyFrom(bytes));
    } else {
      this.#queued.push(bytes);
      if (this.#reading) {
        const { resolve } = this.#reading;
        this.#reading = undefined;
        void this.read().then(resolve);
      }
    }
    if (this.#endsWithNext) this.#end();
    // Not here: inside `resume` this runs before the multiplexer hears of the resume, which would undo the pause there.
    queueMicrotask(() => this.#pause());
  }

  /** Nobody waits for more: let the remote's window run dry. */
  #pause(): void {
    if (!this.#reading && this.#stream.readStatus === 'readable') this.#stream.pause();
  }

  #resume(): void {
    if (this.#stream.readStatus === 'paused') this.#stream.resume();
  }

  #end(): void {
    if (!this.#finSeen) return this.#fail(new Error('the connection closed'));
    this.#ended = true;
    this.#reading?.resolve(undefined);
    this.#reading = undefined;
  }

  #fail(cause: unknown): void {
    if (this.#ended && this.#finSeen && this.#stream.writeStatus === 'closed') return;
    this.#failure ??= lost(cause);
    this.#reading?.reject(this.#failure);
    this.#reading = undefined;
  }

  #throwIfUnwritable(): void {
    if (this.#failure) throw this.#failure;
    if (this.#stream.writeStatus !== 'writable') throw new PangeaError('INTERNAL', 'write after the end of the stream');
  }

  /** The library's `onDrain` resolves at once after the first drain, so the event itself is awaited. */
  async #drained(): Promise<void> {
    const stream = this.#stream;
    while (stream.writableNeedsDrain || stream.writeBufferLength > 0) {
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          for (const name of ['drain', 'idle', 'close'] as const) stream.removeEventListener(name, done);
          resolve();
        };
        for (const name of ['drain', 'idle', 'close'] as const) stream.addEventListener(name, done);
      });
    }
    if (this.#failure) throw this.#failure;
  }
}

function lost(cause: unknown): PangeaError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new PangeaError('PEER_UNREACHABLE', `the stream broke: ${text}`, { cause });
}

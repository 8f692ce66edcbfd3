/** Requests to holders, this node among them: what goes to itself takes the direct way, past the transport. */
import { emptyBody, type Body } from '../body/body.ts';
import { isPangeaError, PangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Clock, Random } from '../std/std.ts';
import { status, type Reply, type Request, type RequestHandler, type Transport } from '../transport/transport.ts';
import type { Suspects } from './suspects.ts';

export interface PeerCallsDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly localPeer: PeerId;
  readonly handle: RequestHandler;
  readonly suspects: Suspects;
  readonly timeoutMs: number;
}

export interface CallOptions {
  readonly body?: Body;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** A busy peer is asked again this often, after a pause that grows from `busyPauseMs`. */
const busyAttempts = 8;
const busyPauseMs = 20;

export class PeerCalls {
  readonly #dependencies: PeerCallsDependencies;

  constructor(dependencies: PeerCallsDependencies) {
    this.#dependencies = dependencies;
  }

  get localPeer(): PeerId {
    return this.#dependencies.localPeer;
  }

  /** As `Transport.request`; waits and asks again while the peer is busy, and remembers peers that do not answer. */
  async call<T extends Request['type']>(peer: PeerId, request: Extract<Request, { type: T }>, options: CallOptions = {}): Promise<Reply<T>> {
    const { clock, random, suspects } = this.#dependencies;
    for (let attempt = 0; ; attempt++) {
      options.signal?.throwIfAborted();
      const reply = await this.#once<T>(peer, request, options);
      if (reply.status !== status.busy || attempt === busyAttempts) {
        if (reply.status === status.busy) suspects.add(peer);
        return reply;
      }
      await clock.sleep(busyPauseMs * 2 ** Math.min(attempt, 5) * (0.5 + random.unit()), options.signal);
    }
  }

  async #once<T extends Request['type']>(peer: PeerId, request: Extract<Request, { type: T }>, options: CallOptions): Promise<Reply<T>> {
    const { transport, localPeer, handle, suspects, timeoutMs } = this.#dependencies;
    if (peer === localPeer) return (await handle(localPeer, request as Request, options.body ?? emptyBody)) as Reply<T>;
    try {
      const reply = await transport.request<T>(peer, request, {
        timeoutMs: options.timeoutMs ?? timeoutMs,
        ...(options.body ? { body: options.body } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      });
      return reply;
    } catch (error) {
      if (options.signal?.aborted) throw error;
      if (!isPangeaError(error, 'ABORTED')) suspects.add(peer);
      throw error;
    }
  }

  /** The same with one outcome: the answer, or the reason in words. Aborting still throws. */
  async ask<T extends Request['type']>(peer: PeerId, request: Extract<Request, { type: T }>, options: CallOptions = {}): Promise<Outcome<T>> {
    try {
      const reply = await this.call<T>(peer, request, options);
      return reply.status === status.ok ? { reply } : { failure: reply.message, status: reply.status };
    } catch (error) {
      if (options.signal?.aborted) throw new PangeaError('ABORTED', 'the transfer was given up', { cause: options.signal.reason });
      return { failure: error instanceof PangeaError ? `${error.code}: ${error.message}` : String(error), status: undefined };
    }
  }
}

export type Outcome<T extends Request['type']> =
  | { readonly reply: Extract<Reply<T>, { status: 0 }>; readonly failure?: undefined }
  /** `status` is undefined when no answer came at all. */
  | { readonly failure: string; readonly status: number | undefined; readonly reply?: undefined };

/**
 * The shard protocol over the streams of the libp2p host: for peers without QUIC, and where UDP is blocked.
 * Identity is the host's (Noise); a greeting holds for all streams as long as the two hosts are connected.
 */
import { type Body, emptyBody } from '../body/body.ts';
import { PangeaError, asPangeaError, isPangeaError } from '../errors/errors.ts';
import type { Host, HostStream } from '../host/host.ts';
import type { PeerId } from '../ids/ids.ts';
import { ByteReader, ByteWriter, type Clock, Semaphore } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { ByteBudget } from './byte-budget.ts';
import { abortedError, withDeadline } from './deadline.ts';
import { decodeReply, decodeRequest, encodeReply, encodeRequest, messages, type RequestHead } from './messages/messages.ts';
import { refusal, serveRequest, type ServedReply } from './serve.ts';
import { MessageReader, writeMessage } from './stream-framing.ts';
import {
  limits, status,
  type Hello, type PeerTransportEvents, type Reply, type Request, type RequestHandler, type RequestOptions, type Transport,
} from './transport.ts';

export const shardProtocol = '/pangea/shard/1.0.0';

const dialTimeoutMs = 5_000;
const helloTimeoutMs = 5_000;
/** A host does not tell that a peer has given up a request, so none is served longer than callers wait by default. */
const serveMs = 30_000;
/** Own requests under way to one peer; others wait. Hosts allow 256 streams, and free one somewhat later than its answer arrives. */
const requestsPerPeer = 96;
/**
 * Requests that a peer may have here before its hello was taken. The host lets strangers in, and they must not crowd out
 * others; for the same reason the body of their request, which a hello has not, is not read.
 */
const requestsOfStranger = 8;
/** A request's bytes are here within this time, or it is dropped: 16 MiB at 1.1 Mbit/s. */
const receiveMs = 120_000;
const strangerReceiveMs = 10_000;

/** What gives the streams. */
export type StreamHost = Pick<Host, 'peerId' | 'multiaddrs' | 'handle' | 'on' | 'addAddresses' | 'dial' | 'openStream' | 'disconnect'>;

export interface Libp2pTransportOptions {
  /** Listens already, and is closed by its owner. */
  readonly host: StreamHost;
  readonly name?: 'libp2p' | 'webrtc';
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hello: () => Hello;
  /** False refuses the peer. Runs on both sides. */
  readonly onHello: (peer: PeerId, hello: Hello) => boolean;
}

export function openLibp2pTransport(options: Libp2pTransportOptions): Transport {
  return new Libp2pTransport(options);
}

interface Peer {
  greeted: boolean;
  greeting: Promise<void> | undefined;
  serving: number;
  readonly slots: Semaphore;
  /** Resolves when the last connection to the peer is gone. */
  readonly gone: PromiseWithResolvers<void>;
}

export class Libp2pTransport implements Transport {
  readonly name: 'libp2p' | 'webrtc';
  readonly localPeer: PeerId;
  readonly #options: Libp2pTransportOptions;
  readonly #host: StreamHost;
  readonly #peers = new Map<PeerId, Peer>();
  readonly #remoteAddresses = new Map<PeerId, string>();
  readonly #listeners: Partial<PeerTransportEvents>[] = [];
  readonly #budget = new ByteBudget(limits.bodyBytesInFlight);
  #handler: RequestHandler | undefined;
  #serving = 0;
  #requesting = 0;
  #idle = Promise.withResolvers<void>();
  #closing: Promise<void> | undefined;

  constructor(options: Libp2pTransportOptions) {
    this.#options = options;
    this.name = options.name ?? 'libp2p';
    this.#host = options.host;
    this.localPeer = options.host.peerId;
    this.#host.on({
      connected: (peer, remoteAddress) => this.#remoteAddresses.set(peer, remoteAddress),
      disconnected: (peer) => this.#forget(peer, 'the connection is gone'),
    });
  }

  addresses(): readonly string[] {
    return this.#host.multiaddrs();
  }

  async listen(handler: RequestHandler): Promise<void> {
    this.#handler = handler;
    this.#host.handle(shardProtocol, (stream) => this.#serve(stream));
  }

  setAddresses(peer: PeerId, addresses: readonly string[]): void {
    if (peer !== this.localPeer) this.#host.addAddresses(peer, addresses);
  }

  async request<T extends Request['type']>(
    peer: PeerId,
    request: Extract<Request, { type: T }>,
    options: RequestOptions = {},
  ): Promise<Reply<T>> {
    const { clock } = this.#options;
    const { timeoutMs = limits.defaultTimeoutMs, signal, body = emptyBody } = options;
    if (signal?.aborted === true) throw abortedError(signal);
    const head = encodeRequest(request);
    if (body.byteLength > limits.bodyBytes) {
      throw new PangeaError('PROTOCOL', `a body of ${body.byteLength} bytes; at most ${limits.bodyBytes} are sent`);
    }
    // The caller may release its body as soon as this returns, which a dial outlasts: take a share of it now.
    const share = body.byteLength === 0 ? emptyBody : body.slice(0);
    try {
      const endMs = clock.monotonicMs() + timeoutMs;
      await withDeadline(clock, this.#reach(peer), { timeoutMs, signal });
      const { slots } = this.#peer(peer);
      const slot = slots.acquire();
      await withDeadline(clock, slot, { timeoutMs: endMs - clock.monotonicMs(), signal }).catch((error: unknown) => {
        void slot.then(() => slots.release());
        throw error;
      });
      try {
        return await this.#exchange(peer, request.type, head, share, endMs - clock.monotonicMs(), signal);
      } finally {
        slots.release();
      }
    } finally {
      share.release();
    }
  }

  async connect(address: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<PeerId> {
    const { timeoutMs = dialTimeoutMs + helloTimeoutMs, signal } = options;
    const greeted = this.#host.dial(address, Math.min(timeoutMs, dialTimeoutMs)).then(async (peer) => {
      await this.#reach(peer);
      return peer;
    });
    return withDeadline(this.#options.clock, greeted, { timeoutMs, signal });
  }

  connectedPeers(): readonly PeerId[] {
    return [...this.#peers].filter(([, state]) => state.greeted).map(([peer]) => peer);
  }

  async disconnect(peer: PeerId): Promise<void> {
    await this.#host.disconnect(peer);
    this.#forget(peer, 'disconnected');
  }

  on(events: Partial<PeerTransportEvents>): void {
    this.#listeners.push(events);
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#handler = undefined;
    if (this.#serving + this.#requesting > 0) {
      await withDeadline(this.#options.clock, this.#idle.promise, { timeoutMs: deadlineMs }).catch(() => undefined);
    }
    for (const peer of this.#peers.keys()) this.#forget(peer, 'this node stops');
  }

  #count(change: { serving?: number; requesting?: number }): void {
    this.#serving += change.serving ?? 0;
    this.#requesting += change.requesting ?? 0;
    if (this.#closing !== undefined && this.#serving + this.#requesting === 0) this.#idle.resolve();
  }

  #peer(peer: PeerId): Peer {
    let state = this.#peers.get(peer);
    if (state === undefined) {
      state = { greeted: false, greeting: undefined, serving: 0, slots: new Semaphore(requestsPerPeer), gone: Promise.withResolvers() };
      this.#peers.set(peer, state);
    }
    return state;
  }

  #forget(peer: PeerId, reason: string): void {
    this.#remoteAddresses.delete(peer);
    const state = this.#peers.get(peer);
    if (state === undefined) return;
    this.#peers.delete(peer);
    state.gone.resolve();
    if (state.greeted) for (const events of this.#listeners) events.disconnected?.(peer, reason);
  }

  /** Greets a peer that is not greeted yet; all callers share one greeting. */
  async #reach(peer: PeerId): Promise<void> {
    if (this.#closing !== undefined) throw new PangeaError('PEER_UNREACHABLE', 'this transport is closed');
    const state = this.#peer(peer);
    if (state.greeted) return;
    state.greeting ??= this.#greet(peer, state).finally(() => (state.greeting = undefined));
    await state.greeting;
  }

  async #greet(peer: PeerId, state: Peer): Promise<void> {
    const { hello, onHello } = this.#options;
    const own: Request = { type: 'hello', hello: hello() };
    try {
      const reply = await this.#exchange(peer, 'hello', encodeRequest(own), emptyBody, helloTimeoutMs);
      const refused = reply.status !== status.ok ? `the peer refuses this node: ${reply.message}`
        : onHello(peer, reply.answer.hello) ? undefined : 'this node refuses the peer';
      if (refused !== undefined) throw new PangeaError('PEER_REFUSED', refused, { data: { peer } });
      if (!this.#greeted(peer, state)) throw new PangeaError('PEER_UNREACHABLE', `the connection to ${peer} was lost at once`, { data: { peer } });
    } catch (error) {
      const failure = asPangeaError(error, 'PEER_UNREACHABLE');
      if (!state.greeted && state.serving === 0 && this.#peers.get(peer) === state) this.#peers.delete(peer);
      // The dial's own time is up, not the request's.
      throw failure.code === 'TIMEOUT' ? new PangeaError('PEER_UNREACHABLE', `${peer} does not answer`, { cause: failure }) : failure;
    }
  }

  /** False when the connection is gone by the time its hello is read: nobody would ever take such a peer off the list. */
  #greeted(peer: PeerId, state: Peer): boolean {
    if (this.#peers.get(peer) !== state) return false;
    if (state.greeted) return true;
    state.greeted = true;
    for (const events of this.#listeners) events.connected?.(peer, this.#remoteAddresses.get(peer) ?? '');
    return true;
  }

  async #exchange<T extends Request['type']>(
    peer: PeerId, type: T, head: RequestHead, body: Body, timeoutMs: number, signal?: AbortSignal,
  ): Promise<Reply<T>> {
    const { clock } = this.#options;
    const endMs = clock.monotonicMs() + timeoutMs;
    const opening = this.#host.openStream(peer, shardProtocol, Math.max(1, Math.min(timeoutMs, dialTimeoutMs)));
    this.#count({ requesting: 1 });
    let stream: HostStream | undefined;
    let done = false;
    const hold = this.#budget.hold();
    try {
      // A stream that opens after the deadline must not stay open.
      opening.then((late) => done && late.reset(), () => undefined);
      stream = await withDeadline(clock, opening, { timeoutMs, signal });
      const reader = new MessageReader(stream, clock);
      const lead = new ByteWriter(1).u8(head.code).finish();
      // A peer that has answered already need not take the rest; a broken stream shows in the reading too.
      writeMessage(stream, lead, head.struct, body.byteLength === 0 ? emptyBody : body).catch(() => undefined);
      const answered = reader.head(2).then(async (answer) => {
        const answerStatus = new ByteReader(answer.lead).u16();
        return decodeReply(type, { status: answerStatus, struct: answer.struct }, await reader.body(hold));
      });
      return await withDeadline(clock, answered, { timeoutMs: endMs - clock.monotonicMs(), signal });
    } catch (error) {
      if (isPangeaError(error, 'TOO_LARGE')) throw new PangeaError('PROTOCOL', error.message, { cause: error });
      if (isPangeaError(error, 'DIAL_REFUSED')) throw new PangeaError('PEER_UNREACHABLE', error.message, { cause: error });
      throw asPangeaError(error, 'PEER_UNREACHABLE');
    } finally {
      done = true;
      // After a clean end this only frees the stream; after an early answer the rest of the request is needless.
      stream?.reset();
      hold.release();
      this.#count({ requesting: -1 });
    }
  }

  /** One request of a peer, from the first byte to the end of the answer. */
  async #serve(stream: HostStream): Promise<void> {
    const { clock, logger } = this.#options;
    const { peer } = stream;
    if (this.#closing !== undefined) return stream.reset();
    const state = this.#peer(peer);
    const reader = new MessageReader(stream, clock);
    const hold = this.#budget.hold();
    state.serving++;
    this.#count({ serving: 1 });
    try {
      const known = state.greeted || state.greeting !== undefined;
      if (state.serving > (known ? limits.requestsPerPeer : requestsOfStranger) || this.#serving > limits.requestsTotal) {
        await this.#send(stream, refusal(status.busy, 'too many requests under way'));
        await withDeadline(clock, reader.drain(), { timeoutMs: strangerReceiveMs });
        return;
      }
      const received = reader.head(1).then(async (head) => ({ ...head, body: known ? await reader.body(hold) : emptyBody }));
      const { lead, struct, body } = await withDeadline(clock, received, { timeoutMs: known ? receiveMs : strangerReceiveMs });
      const gone = state.gone.promise.then(() => Promise.reject(new PangeaError('PEER_UNREACHABLE', 'the peer is gone')));
      const answer = this.#answer(state, peer, { code: new ByteReader(lead).u8(), struct }, body);
      const reply = await withDeadline(clock, Promise.race([answer, gone]), { timeoutMs: serveMs });
      await this.#send(stream, reply);
    } catch (error) {
      logger.debug({ peer, error }, 'a request ended without an answer');
      stream.reset();
    } finally {
      hold.release();
      state.serving--;
      this.#count({ serving: -1 });
      if (!state.greeted && state.serving === 0 && state.greeting === undefined && this.#peers.get(peer) === state) this.#peers.delete(peer);
    }
  }

  async #send(stream: HostStream, reply: ServedReply): Promise<void> {
    try {
      await writeMessage(stream, new ByteWriter(2).u16(reply.status).finish(), reply.struct, reply.body);
    } finally {
      reply.body.release();
    }
  }

  async #answer(state: Peer, peer: PeerId, head: RequestHead, body: Body): Promise<ServedReply> {
    if (head.code === messages.hello.code) return this.#welcome(state, peer, head);
    // The answer to our hello may be overtaken by the first request of the peer that gave it.
    if (!state.greeted) await state.greeting?.catch(() => undefined);
    if (!state.greeted) return refusal(status.denied, 'hello first');
    // It closes while this request waits for a greeting.
    if (this.#handler === undefined) throw new PangeaError('NODE_STOPPING', 'this transport is closing');
    return serveRequest(this.#handler, peer, head, body, this.#options.logger);
  }

  #welcome(state: Peer, peer: PeerId, head: RequestHead): ServedReply {
    const { hello, onHello, logger } = this.#options;
    try {
      const request = decodeRequest(head);
      if (this.#closing === undefined && request.type === 'hello' && onHello(peer, request.hello) && this.#greeted(peer, state)) {
        return { ...encodeReply('hello', { status: status.ok, answer: { hello: hello() }, body: emptyBody }), body: emptyBody };
      }
    } catch (error) {
      logger.debug({ peer, error }, 'a hello could not be read');
    }
    return refusal(status.denied, 'not welcome here');
  }
}

/** One peer's end of the in-memory network; how the network between the ends behaves is in `memory.ts`. */
import { bodyFrom } from '../body/body.ts';
import { PangeaError, isPangeaError } from '../errors/errors.ts';
import { parsePeerId, type PeerId } from '../ids/ids.ts';
import type { MemoryNetwork } from './memory.ts';
import { decodeReply, decodeRequest, encodeReply, encodeRequest, type ReplyHead, type RequestHead } from './messages/messages.ts';
import {
  limits, status,
  type Hello, type PeerTransportEvents, type Reply, type Request, type RequestHandler, type RequestOptions, type Status,
  type Transport,
} from './transport.ts';

const dialTimeoutMs = 3_000;
const addressPrefix = 'memory:';
/** Ends timers. One for all, because making the default reason costs a stack trace a request. */
const settled = new Error('settled');

export interface MemoryTransportOptions {
  readonly hello: () => Hello;
  /** False refuses the peer. */
  readonly onHello: (peer: PeerId, hello: Hello) => boolean;
}

export interface Connection {
  readonly ends: readonly [MemoryTransport, MemoryTransport];
  open: boolean;
  /** Since when nothing gets through. */
  silentSinceMs: number | undefined;
}

type WireRequest = RequestHead & { readonly body: Uint8Array };
type WireReply = ReplyHead & { readonly body: Uint8Array };

const noBytes = new Uint8Array(0);

export class MemoryTransport implements Transport {
  readonly name = 'memory';
  readonly localPeer: PeerId;
  readonly #network: MemoryNetwork;
  readonly #options: MemoryTransportOptions;
  readonly #listeners: Partial<PeerTransportEvents>[] = [];
  #connections = new Map<PeerId, Connection>();
  #dials = new Map<PeerId, Promise<Connection>>();
  /** How to fail the calls under way on a connection when it breaks. */
  readonly #calls = new Map<Connection, Set<(error: PangeaError) => void>>();
  #serving = new Map<PeerId, number>();
  #servingTotal = 0;
  #idle: (() => void) | undefined;
  #handler: RequestHandler | undefined;
  #closed = false;
  /** Grows with every crash: what began in an earlier life stays silent. */
  #life = 0;

  constructor(network: MemoryNetwork, localPeer: PeerId, options: MemoryTransportOptions) {
    this.#network = network;
    this.localPeer = localPeer;
    this.#options = options;
  }

  get listening(): boolean {
    return this.#handler !== undefined && !this.#closed;
  }

  addresses(): readonly string[] {
    return [addressPrefix + this.localPeer];
  }

  async listen(handler: RequestHandler): Promise<void> {
    this.#handler = handler;
  }

  setAddresses(): void {
    // Peers of this network are dialled by their id.
  }

  async connect(address: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<PeerId> {
    const peer = address.startsWith(addressPrefix) ? parsePeerId(address.slice(addressPrefix.length)) : undefined;
    if (peer === undefined) throw new PangeaError('ADDRESS_INVALID', `'${address}' is not an address of the memory network`);
    await this.#call<void>(peer, options, (_remote, resolve) => resolve());
    return peer;
  }

  async request<T extends Request['type']>(
    peer: PeerId,
    request: Extract<Request, { type: T }>,
    options: RequestOptions = {},
  ): Promise<Reply<T>> {
    const wire: WireRequest = { ...encodeRequest(request), body: options.body?.bytes() ?? noBytes };
    if (wire.body.length > limits.bodyBytes) {
      throw new PangeaError('PROTOCOL', `a body of ${wire.body.length} bytes; at most ${limits.bodyBytes} are sent`);
    }
    const reply = await this.#call<WireReply>(peer, options, (remote, resolve) => {
      this.#network.send(this.localPeer, peer, () => {
        remote.serve(this.localPeer, wire, resolve);
      });
    });
    return decodeReply<T>(request.type, reply, bodyFrom(reply.body));
  }

  connectedPeers(): readonly PeerId[] {
    return [...this.#connections.keys()];
  }

  async disconnect(peer: PeerId): Promise<void> {
    const connection = this.#connections.get(peer);
    if (connection !== undefined) this.#network.closed(connection, 'closed');
  }

  on(events: Partial<PeerTransportEvents>): void {
    this.#listeners.push(events);
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closed = true;
    if (this.#servingTotal > 0) {
      const late = new AbortController();
      const drained = new Promise<void>((resolve) => (this.#idle = resolve));
      await Promise.race([drained, this.#network.clock.sleep(deadlineMs, late.signal).catch(() => undefined)]);
      late.abort(settled);
    }
    for (const connection of this.#connections.values()) this.#network.closed(connection, 'closed');
  }

  /** One request of a peer. It is under way until its answer arrived or was lost, so that `close` waits for that too. */
  serve(peer: PeerId, wire: WireRequest, deliver: (reply: WireReply) => void): void {
    const life = this.#life;
    const handler = this.#handler;
    if (handler === undefined || this.#closed) return;
    const underWay = this.#serving.get(peer) ?? 0;
    const busy = underWay >= limits.requestsPerPeer || this.#servingTotal >= limits.requestsTotal;
    this.#serving.set(peer, underWay + 1);
    this.#servingTotal++;
    const ended = (): void => {
      if (life !== this.#life) return;
      this.#serving.set(peer, (this.#serving.get(peer) ?? 1) - 1);
      this.#servingTotal--;
      if (this.#servingTotal === 0) this.#idle?.();
    };
    const answer = busy ? Promise.resolve(refusal(status.busy, 'too many requests under way')) : this.#answer(handler, peer, wire);
    void answer.then((reply) => {
      if (life !== this.#life) return;
      const arrive = (): void => {
        deliver(reply);
        ended();
      };
      this.#network.send(this.localPeer, peer, arrive, ended);
    });
  }

  /** Kill −9. The serving counters start anew; pending calls of this life never settle. */
  freeze(): void {
    this.#life++;
    this.#connections.clear();
    this.#dials.clear();
    this.#calls.clear();
    this.#serving.clear();
    this.#servingTotal = 0;
  }

  /** The network closed a connection of this end. */
  lost(connection: Connection, reason: string): void {
    const remote = connection.ends[0] === this ? connection.ends[1] : connection.ends[0];
    if (this.#connections.get(remote.localPeer) !== connection) return;
    this.#connections.delete(remote.localPeer);
    const calls = this.#calls.get(connection) ?? [];
    this.#calls.delete(connection);
    for (const fail of calls) fail(new PangeaError('PEER_UNREACHABLE', `the connection was lost: ${reason}`));
    for (const events of this.#listeners) events.disconnected?.(remote.localPeer, reason);
  }

  /** Connects where needed and runs `send`; settles once, or never when this process dies meanwhile. */
  #call<R>(
    peer: PeerId,
    options: { timeoutMs?: number; signal?: AbortSignal },
    send: (remote: MemoryTransport, resolve: (result: R) => void) => void,
  ): Promise<R> {
    const life = this.#life;
    const { signal, timeoutMs = limits.defaultTimeoutMs } = options;
    return new Promise((resolve, reject) => {
      const timer = new AbortController();
      let calls: Set<(error: PangeaError) => void> | undefined;
      const settle = (run: () => void): void => {
        if (timer.signal.aborted || life !== this.#life) return;
        timer.abort(settled);
        signal?.removeEventListener('abort', onAbort);
        calls?.delete(fail);
        run();
      };
      const fail = (error: PangeaError): void => settle(() => reject(error));
      const onAbort = (): void => fail(new PangeaError('ABORTED', 'the request was given up', { cause: signal?.reason }));
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      void this.#network.clock.sleep(timeoutMs, timer.signal).then(
        () => fail(new PangeaError('TIMEOUT', `no answer within ${timeoutMs} ms`)),
        () => undefined,
      );
      this.#connection(peer).then((connection) => {
        if (timer.signal.aborted || life !== this.#life) return;
        calls = this.#calls.get(connection);
        calls?.add(fail);
        const remote = connection.ends[0] === this ? connection.ends[1] : connection.ends[0];
        send(remote, (result) => settle(() => resolve(result)));
      }, fail);
    });
  }

  /** The open connection to a peer, or one dial that all callers share. */
  #connection(peer: PeerId): Promise<Connection> {
    const open = this.#connections.get(peer);
    if (open !== undefined) return Promise.resolve(open);
    if (this.#closed) return Promise.reject(new PangeaError('PEER_UNREACHABLE', 'this transport is closed'));
    let dial = this.#dials.get(peer);
    if (dial === undefined) {
      dial = this.#dial(peer).finally(() => this.#dials.delete(peer));
      this.#dials.set(peer, dial);
    }
    return dial;
  }

  /** A round trip in which both sides greet: the hello is the first message of a connection. */
  #dial(peer: PeerId): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const network = this.#network;
      const life = this.#life;
      const late = new AbortController();
      const fail = (code: 'PEER_UNREACHABLE' | 'PEER_REFUSED', message: string): void => {
        late.abort(settled);
        if (life === this.#life) reject(new PangeaError(code, message, { data: { peer } }));
      };
      void network.clock.sleep(dialTimeoutMs, late.signal).then(
        () => fail('PEER_UNREACHABLE', `${peer} did not answer within ${dialTimeoutMs} ms`),
        () => undefined,
      );
      if (!network.knows(peer)) return fail('PEER_UNREACHABLE', `${peer} is not in this network`);
      network.send(this.localPeer, peer, () => {
        const remote = network.find(this.localPeer, peer);
        network.send(peer, this.localPeer, () => {
          if (late.signal.aborted || life !== this.#life) return;
          if (remote === undefined || !remote.listening) return fail('PEER_UNREACHABLE', `${peer} does not listen`);
          const open = this.#connections.get(peer);
          if (open === undefined && !(remote.#greet(this) && this.#greet(remote))) {
            return fail('PEER_REFUSED', `${peer} and this node do not admit each other`);
          }
          late.abort(settled);
          resolve(open ?? this.#join(remote));
        });
      });
    });
  }

  #join(remote: MemoryTransport): Connection {
    const connection = this.#network.opened(this, remote);
    for (const [end, other] of [[this, remote], [remote, this]] as const) {
      end.#connections.set(other.localPeer, connection);
      end.#calls.set(connection, new Set());
      for (const events of end.#listeners) events.connected?.(other.localPeer, addressPrefix + other.localPeer);
    }
    return connection;
  }

  /** Whether this end admits the other by its hello, which passes through the codec as on the wire. */
  #greet(other: MemoryTransport): boolean {
    const decoded = decodeRequest(encodeRequest({ type: 'hello', hello: other.#options.hello() }));
    return decoded.type === 'hello' && this.#options.onHello(other.localPeer, decoded.hello);
  }

  async #answer(handler: RequestHandler, peer: PeerId, wire: WireRequest): Promise<WireReply> {
    const body = bodyFrom(wire.body);
    try {
      const request = decodeRequest(wire);
      const reply = await handler(peer, request, body);
      const head = encodeReply(request.type, reply);
      if (reply.status !== status.ok) return { ...head, body: noBytes };
      const bytes = this.#network.leaving(this.localPeer, reply.body.bytes());
      reply.body.release();
      return { ...head, body: bytes };
    } catch (error) {
      if (isPangeaError(error, 'PROTOCOL')) return refusal(status.badRequest, error.message);
      return refusal(status.internal, 'the handler failed');
    } finally {
      body.release();
    }
  }
}

function refusal(code: Exclude<Status, 0>, message: string): WireReply {
  return { ...encodeReply('ping', { status: code, message }), body: noBytes };
}

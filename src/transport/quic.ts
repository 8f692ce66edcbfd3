/**
 * The shard protocol over QUIC. Sockets, TLS, framing, bounds and memory are in `native/quic`; here is decided
 * who is dialled, which connection carries a request, and who is greeted.
 */
import { type Body, emptyBody, nativeBody } from '../body/body.ts';
import { PangeaError, asPangeaError } from '../errors/errors.ts';
import { parsePeerId, type PeerId } from '../ids/ids.ts';
import type { Native } from '../native/native.ts';
import type { Counter } from '../telemetry/telemetry.ts';
import { type Connection, ConnectionTable } from './connections.ts';
import { abortedError, withDeadline } from './deadline.ts';
import { Dialer } from './dialer.ts';
import { advertisedAddresses, parseListenAddress } from './listen-address.ts';
import { decodeReply, decodeRequest, encodeReply, encodeRequest, messages, type RequestHead } from './messages/messages.ts';
import { nobody, type Endpoint, type QuicTransport, type QuicTransportOptions } from './quic-options.ts';
import { refusal, serveRequest, type ServedReply } from './serve.ts';
import {
  limits, status,
  type PeerTransportEvents, type Reply, type Request, type RequestHandler, type RequestOptions,
} from './transport.ts';

const dialTimeoutMs = 3_000;
const helloTimeoutMs = 5_000;
const stallMs = 10_000;
const serveMs = 120_000;
/** A needless second connection is looked at this often until it is idle. */
const retireMs = 5_000;

type QuicEvent = Parameters<Parameters<Native['QuicEndpoint']['open']>[1]>[0];

interface ExchangeOptions {
  /** Body of the request. */
  readonly share?: Body | undefined;
  /** A guess at the length of the answer's body. */
  readonly expectedBytes?: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Opens nothing yet: `listen` does, and requests need it. Throws `ADDRESS_INVALID`. */
export function openQuicTransport(options: QuicTransportOptions): QuicTransport {
  return new Quic(options);
}

class Quic implements QuicTransport {
  readonly name = 'quic';
  readonly localPeer: PeerId;
  readonly #options: QuicTransportOptions;
  readonly #table: ConnectionTable;
  readonly #dialer: Dialer<Connection>;
  readonly #listeners: Partial<PeerTransportEvents>[] = [];
  readonly #served: Counter;
  #allow: readonly string[];
  #endpoint: Endpoint | undefined;
  #handler: RequestHandler | undefined;
  #addresses: readonly string[] = [];
  #closing: Promise<void> | undefined;
  #nextToken = 0;

  constructor(options: QuicTransportOptions) {
    this.#options = options;
    this.#allow = options.allow;
    parseListenAddress(options.listen);
    const peer = parsePeerId(options.native.QuicEndpoint.peerOf(options.seed));
    if (peer === undefined) throw new PangeaError('INTERNAL', 'the seed gives no PeerId');
    this.localPeer = peer;
    this.#table = new ConnectionTable(peer);
    const { clock, random, metrics } = options;
    this.#dialer = new Dialer({ clock, random, attempt: (address, expected) => this.#dial(address, expected) });
    this.#served = metrics.counter('pangea_quic_requests_served_total', 'Requests of peers that were answered, by status', ['status']);
    metrics.gauge('pangea_quic_connections', 'Open QUIC connections', () => this.#table.size);
    metrics.gauge('pangea_quic_denied', 'Connection attempts from outside the allowlist since the start', () => this.admissions().denied);
    metrics.gauge('pangea_quic_refused_alpn', 'Peers that speak no protocol of this port since the start', () => this.admissions().refusedAlpn);
    metrics.gauge('pangea_quic_libp2p_connections', 'Open connections of libp2p on the same port', () => this.admissions().guestConnections);
    metrics.gauge('pangea_quic_libp2p_refused', 'Connections of libp2p that found no place on the same port since the start', () => this.admissions().guestRefusedFull);
  }

  addresses(): readonly string[] {
    return this.#addresses;
  }

  async listen(handler: RequestHandler): Promise<void> {
    if (this.#endpoint !== undefined) throw new PangeaError('INTERNAL', 'this transport listens already');
    const { native, seed, listen, advertise, congestion = 'bbr' } = this.#options;
    const { structBytes, bodyBytes, requestsPerPeer, requestsTotal, bodyBytesInFlight, connections } = limits;
    const parsed = parseListenAddress(listen);
    this.#handler = handler;
    try {
      const endpoint = native.QuicEndpoint.open({
        seed, bind: [...parsed.bind], allow: [...this.#allow], congestion,
        limits: { structBytes, bodyBytes, requestsPerPeer, requestsTotal, bodyBytesInFlight, connections, stallMs, serveMs },
      }, (event) => this.#onEvent(event));
      this.#endpoint = endpoint;
      this.#addresses = advertise !== undefined && advertise.length > 0
        ? advertise
        : advertisedAddresses(parsed, endpoint.localAddress, (address) => endpoint.allows(address));
      await this.#options.onBound?.(endpoint);
    } catch (error) {
      throw asPangeaError(error);
    }
  }

  setAddresses(peer: PeerId, addresses: readonly string[]): void {
    if (peer !== this.localPeer) this.#dialer.setAddresses(peer, addresses);
  }

  async request<T extends Request['type']>(
    peer: PeerId,
    request: Extract<Request, { type: T }>,
    options: RequestOptions = {},
  ): Promise<Reply<T>> {
    const { clock } = this.#options;
    const { timeoutMs = limits.defaultTimeoutMs, signal, body } = options;
    if (signal?.aborted === true) throw abortedError(signal);
    const head = encodeRequest(request);
    if (body !== undefined && body.byteLength > limits.bodyBytes) {
      throw new PangeaError('PROTOCOL', `a body of ${body.byteLength} bytes; at most ${limits.bodyBytes} are sent`);
    }
    // The caller may release its body as soon as this returns, which a dial outlasts: take a share of it now.
    const share = body === undefined || body.byteLength === 0 ? undefined : body.slice(0);
    try {
      const endMs = clock.monotonicMs() + timeoutMs;
      const connection = this.#table.usable(peer) ?? (await withDeadline(clock, this.#reach(peer), { timeoutMs, signal }));
      const asked: Request = request;
      const expectedBytes = asked.type === 'get' ? Math.min(asked.length, limits.bodyBytes) : 0;
      return await this.#exchange(connection, request.type, head, { share, expectedBytes, timeoutMs: endMs - clock.monotonicMs(), signal });
    } finally {
      share?.release();
    }
  }

  async connect(address: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<PeerId> {
    const { timeoutMs = dialTimeoutMs + helloTimeoutMs, signal } = options;
    const dial = this.#dial(address, undefined, Math.min(timeoutMs, dialTimeoutMs));
    const connection = await withDeadline(this.#options.clock, dial, { timeoutMs, signal });
    return connection.peer;
  }

  connectedPeers(): readonly PeerId[] {
    return this.#table.greetedPeers();
  }

  async disconnect(peer: PeerId): Promise<void> {
    const connections = this.#table.of(peer);
    for (const connection of connections) this.#endpoint?.closeConnection(connection.id, 'disconnected');
    await Promise.all(connections.map((connection) => connection.closed));
  }

  on(events: Partial<PeerTransportEvents>): void {
    this.#listeners.push(events);
  }

  setAllow(allow: readonly string[]): void {
    try {
      this.#endpoint?.setAllow([...allow]);
    } catch (error) {
      throw asPangeaError(error);
    }
    this.#allow = allow;
    for (const { id, dialled, remoteAddress } of this.#table.all()) {
      const ip = remoteAddress.slice(0, remoteAddress.lastIndexOf(':')).replace(/^\[|\]$/g, '');
      if (!dialled && this.#endpoint?.allows(ip) === false) this.#endpoint.closeConnection(id, 'no longer on the allow list');
    }
  }

  admissions(): ReturnType<Endpoint['counters']> {
    return this.#endpoint?.counters() ?? nobody;
  }

  load(): { serving: number; requesting: number } {
    const { serving = 0, requesting = 0 } = this.#endpoint?.load() ?? {};
    return { serving, requesting };
  }

  close(deadlineMs: number): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    await this.#endpoint?.close(deadlineMs);
    for (const connection of this.#table.all()) this.#remove(connection.id, 'this node stops');
  }

  #listening(): Endpoint {
    if (this.#endpoint === undefined) throw new PangeaError('INTERNAL', 'listen first: one socket listens and dials');
    return this.#endpoint;
  }

  /** A greeted connection, from whoever comes first: the dial, or the peer itself. */
  async #reach(peer: PeerId): Promise<Connection> {
    if (this.#closing !== undefined) throw new PangeaError('PEER_UNREACHABLE', 'this transport is closed');
    const dialled = await this.#dialer.dial(peer).catch((error: unknown) => error);
    const usable = this.#table.usable(peer);
    if (usable !== undefined) return usable;
    if (dialled instanceof PangeaError) throw dialled;
    throw new PangeaError('PEER_UNREACHABLE', `the connection to ${peer} was lost at once`, { data: { peer } });
  }

  async #dial(address: string, expected: PeerId | undefined, timeoutMs: number = dialTimeoutMs): Promise<Connection> {
    try {
      const dialled = await this.#listening().dial(address, expected, timeoutMs);
      const peer = dialled.peer as PeerId;
      const connection = this.#enter(dialled.connection, peer, dialled.remoteAddress, true);
      connection.greeting ??= this.#greet(connection);
      await connection.greeting;
      return connection;
    } catch (error) {
      throw asPangeaError(error, 'PEER_UNREACHABLE');
    }
  }

  #enter(id: number, peer: PeerId, remoteAddress: string, dialled: boolean): Connection {
    return this.#table.enter({ id, peer, remoteAddress, dialled, openedAtMs: this.#options.clock.monotonicMs() });
  }

  /** The dialler's hello and the answer to it introduce both sides in one round trip. */
  async #greet(connection: Connection): Promise<void> {
    const { hello, onHello } = this.#options;
    const refused = (why: string): never => {
      this.#endpoint?.closeConnection(connection.id, why);
      throw new PangeaError('PEER_REFUSED', why, { data: { peer: connection.peer } });
    };
    const own: Request = { type: 'hello', hello: hello() };
    const reply = await this.#exchange(connection, 'hello', encodeRequest(own), { timeoutMs: helloTimeoutMs }).catch((error: unknown) => {
      this.#endpoint?.closeConnection(connection.id, 'no hello');
      this.#remove(connection.id, 'no hello');
      throw error;
    });
    if (reply.status !== status.ok) return refused(`the peer refuses this node: ${reply.message}`);
    if (!onHello(connection.peer, reply.answer.hello)) return refused('this node refuses the peer');
    this.#greeted(connection);
  }

  #greeted(connection: Connection): void {
    const { peer } = connection;
    if (connection.greeted || this.#table.get(connection.id) !== connection) return;
    const first = this.#table.usable(peer) === undefined;
    connection.greeted = true;
    this.#dialer.reached(peer);
    if (first) for (const events of this.#listeners) events.connected?.(peer, connection.remoteAddress);
    else this.#retire(peer);
  }

  #retire(peer: PeerId): void {
    this.#options.clock.after(retireMs, () => {
      const surplus = this.#table.surplus(peer);
      for (const connection of surplus) if (connection.active === 0) this.#endpoint?.closeConnection(connection.id, 'needless');
      if (surplus.some((connection) => connection.active > 0)) this.#retire(peer);
    });
  }

  async #exchange<T extends Request['type']>(
    connection: Connection,
    type: T,
    head: RequestHead,
    { share, expectedBytes = 0, timeoutMs, signal }: ExchangeOptions,
  ): Promise<Reply<T>> {
    const endpoint = this.#listening();
    const token = (this.#nextToken = (this.#nextToken + 1) >>> 0);
    const onAbort = (): void => endpoint.cancel(token);
    connection.active++;
    try {
      if (signal?.aborted === true) throw abortedError(signal);
      const payload = share === undefined ? undefined : nativeBody(this.#options.native, share);
      const answered = endpoint.request(connection.id, token, head.code, head.struct, payload, expectedBytes, Math.max(1, Math.ceil(timeoutMs)));
      signal?.addEventListener('abort', onAbort, { once: true });
      const answer = await answered;
      const body = answer.body ?? emptyBody;
      try {
        const reply = decodeReply(type, { status: answer.status, struct: answer.head }, body);
        if (reply.status !== status.ok) body.release();
        return reply;
      } catch (error) {
        body.release();
        throw error;
      }
    } catch (error) {
      throw asPangeaError(error, 'PEER_UNREACHABLE');
    } finally {
      connection.active--;
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #onEvent(event: QuicEvent): void {
    if (event.kind === 'request') void this.#serve(event);
    else if (event.kind === 'closed') this.#remove(event.connection, event.text ?? '');
    else this.#opened(event);
  }

  #opened(event: QuicEvent): void {
    const dialled = event.dialled === true;
    const connection = this.#enter(event.connection, event.peer as PeerId, event.text ?? '', dialled);
    if (dialled) {
      connection.greeting ??= this.#greet(connection);
      // The dial reports it; here it must only not be a rejection that nobody handles.
      connection.greeting.catch(() => undefined);
      return;
    }
    this.#options.clock.after(helloTimeoutMs, () => {
      if (!connection.greeted) this.#endpoint?.closeConnection(connection.id, 'no hello');
    });
  }

  #remove(id: number, reason: string): void {
    const connection = this.#table.remove(id);
    if (connection === undefined || !connection.greeted) return;
    if (this.#table.usable(connection.peer) !== undefined) return;
    for (const events of this.#listeners) events.disconnected?.(connection.peer, reason);
  }

  async #serve(event: QuicEvent): Promise<void> {
    const connection = this.#table.get(event.connection);
    if (connection !== undefined) connection.active++;
    const reply = connection === undefined ? refusal(status.denied, 'the connection is closed') : await this.#answer(connection, event);
    const { native } = this.#options;
    try {
      const payload = reply.body.byteLength === 0 ? undefined : nativeBody(native, reply.body);
      this.#endpoint?.respond(event.id ?? 0, reply.status, reply.struct, payload);
    } catch (error) {
      this.#options.logger.error({ error }, 'an answer could not be sent');
      const { status: code, struct } = refusal(status.internal, 'the answer was lost');
      this.#endpoint?.respond(event.id ?? 0, code, struct, undefined);
    }
    reply.body.release();
    this.#served.add(1, { status: String(reply.status) });
    if (connection !== undefined) connection.active--;
  }

  async #answer(connection: Connection, event: QuicEvent): Promise<ServedReply> {
    const head: RequestHead = { code: event.code ?? 0, struct: event.head ?? new Uint8Array() };
    const body = event.body ?? emptyBody;
    if (head.code === messages.hello.code) {
      body.release();
      return this.#welcome(connection, head);
    }
    // The answer to our hello may be overtaken by the first request of the peer that gave it.
    if (!connection.greeted) await connection.greeting?.catch(() => undefined);
    if (!connection.greeted || this.#handler === undefined) {
      body.release();
      return refusal(status.denied, 'hello first');
    }
    return serveRequest(this.#handler, connection.peer, head, body, this.#options.logger);
  }

  #welcome(connection: Connection, head: RequestHead): ServedReply {
    const { clock, hello, onHello, logger } = this.#options;
    try {
      const request = decodeRequest(head);
      if (request.type === 'hello' && onHello(connection.peer, request.hello)) {
        if (!connection.dialled) this.#greeted(connection);
        return { ...encodeReply('hello', { status: status.ok, answer: { hello: hello() }, body: emptyBody }), body: emptyBody };
      }
    } catch (error) {
      logger.debug({ peer: connection.peer, error }, 'a hello could not be read');
    }
    // The refusal goes out first.
    clock.after(100, () => this.#endpoint?.closeConnection(connection.id, 'refused'));
    return refusal(status.denied, 'not welcome here');
  }
}

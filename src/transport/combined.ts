/**
 * Several transports as one. A request takes the first, in order of preference, that is connected to the peer or knows an
 * address; when that one cannot reach the peer, the next is tried with the same time again.
 */
import { PangeaError, isPangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import type { PeerTransportEvents, Reply, Request, RequestHandler, RequestOptions, Transport } from './transport.ts';

/** A transport of several, told of addresses that nobody named. */
export interface CombinedTransport extends Transport {
  /**
   * An address at which a peer is being seen, dialled before those that it names; `undefined` when it is seen no more. It may
   * be one that the peer itself does not know: the outside of its NAT, where a hole is open now.
   */
  observe(peer: PeerId, address: string | undefined): void;
}

/** In order of preference; all of one identity. */
export function combineTransports(transports: readonly Transport[]): CombinedTransport {
  return new Combined(transports);
}

class Combined implements CombinedTransport {
  readonly name = 'combined';
  readonly localPeer: PeerId;
  readonly #transports: readonly Transport[];
  readonly #addressed = new Map<PeerId, ReadonlySet<Transport>>();
  readonly #named = new Map<PeerId, readonly string[]>();
  readonly #observed = new Map<PeerId, string>();
  /** Transports that are connected, by peer. */
  readonly #connected = new Map<PeerId, Set<Transport>>();
  readonly #listeners: Partial<PeerTransportEvents>[] = [];

  constructor(transports: readonly Transport[]) {
    const [first] = transports;
    if (first === undefined || transports.some((transport) => transport.localPeer !== first.localPeer)) {
      throw new PangeaError('INTERNAL', 'combined transports need one identity');
    }
    this.#transports = transports;
    this.localPeer = first.localPeer;
    for (const transport of transports) {
      transport.on({
        connected: (peer, remoteAddress) => this.#joined(transport, peer, remoteAddress),
        disconnected: (peer, reason) => this.#left(transport, peer, reason),
      });
    }
  }

  addresses(): readonly string[] {
    return this.#transports.flatMap((transport) => transport.addresses());
  }

  async listen(handler: RequestHandler): Promise<void> {
    for (const transport of this.#transports) await transport.listen(handler);
  }

  setAddresses(peer: PeerId, addresses: readonly string[]): void {
    if (addresses.length > 0) this.#named.set(peer, addresses);
    else this.#named.delete(peer);
    this.#address(peer);
  }

  observe(peer: PeerId, address: string | undefined): void {
    if (this.#observed.get(peer) === address) return;
    if (address === undefined) this.#observed.delete(peer);
    else this.#observed.set(peer, address);
    this.#address(peer);
  }

  #address(peer: PeerId): void {
    const observed = this.#observed.get(peer);
    const addresses = [...(observed === undefined ? [] : [observed]), ...(this.#named.get(peer) ?? [])];
    const addressed = new Set<Transport>();
    for (const transport of this.#transports) {
      const own = addresses.filter((address) => takes(transport, address));
      transport.setAddresses(peer, own);
      if (own.length > 0) addressed.add(transport);
    }
    if (addressed.size > 0) this.#addressed.set(peer, addressed);
    else this.#addressed.delete(peer);
  }

  async request<T extends Request['type']>(
    peer: PeerId,
    request: Extract<Request, { type: T }>,
    options: RequestOptions = {},
  ): Promise<Reply<T>> {
    const share = options.body?.slice(0);
    const shared = share === undefined ? options : { ...options, body: share };
    try {
      let failure: unknown;
      for (const transport of this.#order(peer)) {
        try {
          return await transport.request(peer, request, shared);
        } catch (error) {
          if (!isPangeaError(error, 'PEER_UNREACHABLE')) throw error;
          failure ??= error;
        }
      }
      throw failure;
    } finally {
      share?.release();
    }
  }

  async connect(address: string, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<PeerId> {
    const transport = this.#transports.find((candidate) => takes(candidate, address));
    if (transport === undefined) throw new PangeaError('ADDRESS_INVALID', `no transport takes the address '${address}'`);
    return transport.connect(address, options);
  }

  connectedPeers(): readonly PeerId[] {
    return [...new Set(this.#transports.flatMap((transport) => transport.connectedPeers()))];
  }

  async disconnect(peer: PeerId): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.disconnect(peer)));
  }

  on(events: Partial<PeerTransportEvents>): void {
    this.#listeners.push(events);
  }

  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close(deadlineMs)));
  }

  /**
   * A peer is met over libp2p first, which must not keep its shards there: a dial for the better transport pays for itself
   * with the first megabytes, and one that fails is not repeated by the dialer for a while.
   */
  #order(peer: PeerId): Transport[] {
    const mayReach = (transport: Transport): boolean =>
      this.#connected.get(peer)?.has(transport) === true || this.#addressed.get(peer)?.has(transport) === true;
    return this.#transports.toSorted((a, b) => Number(mayReach(b)) - Number(mayReach(a)));
  }

  #joined(transport: Transport, peer: PeerId, remoteAddress: string): void {
    const connected = this.#connected.get(peer);
    if (connected !== undefined) {
      connected.add(transport);
      return;
    }
    this.#connected.set(peer, new Set([transport]));
    for (const events of this.#listeners) events.connected?.(peer, remoteAddress);
  }

  #left(transport: Transport, peer: PeerId, reason: string): void {
    const connected = this.#connected.get(peer);
    if (connected?.delete(transport) !== true || connected.size > 0) return;
    this.#connected.delete(peer);
    for (const events of this.#listeners) events.disconnected?.(peer, reason);
  }
}

/** A multiaddr starts with a slash; all else is `host:port` for QUIC. Data channels have no address. */
function takes(transport: Transport, address: string): boolean {
  if (transport.name === 'webrtc') return false;
  return address.startsWith('/') === (transport.name === 'libp2p');
}

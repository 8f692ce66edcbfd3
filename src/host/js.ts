/** The swarm on js-libp2p: for machines without the addon, and as a peer of another make in the tests. */
import type { Connection, PeerId as Libp2pPeerId, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';

import { PangeaError } from '../errors/errors.ts';
import { type PeerId, parsePeerId } from '../ids/ids.ts';
import type { Clock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { AddressBook } from './addressbook.ts';
import { type HostAddress, formatMultiaddr, parseMultiaddr, transportPart } from './addresses.ts';
import { withDeadline } from './deadline.ts';
import { resolveNames } from './names.ts';
import type { ConnectionPath, Host, HostEvents, HostOptions, HostPeer, HostStream, KadOperations, NatReport } from './host.ts';
import { dialFailure, listenFailure } from './js/failures.ts';
import { Gate } from './js/gate.ts';
import { JsGossip } from './js/gossip.ts';
import { JsKad } from './js/kad.ts';
import { JsHostStream } from './js/stream.ts';
import { type Swarm, createSwarm } from './js/swarm.ts';
import { hostLimits } from './limits.ts';
import { noNat } from './nat.ts';
import { serveStream } from './serve.ts';
import { checkMessage, Topics } from './topics.ts';
import { Upkeep } from './upkeep.ts';

export interface JsHostOptions extends HostOptions {
  /** The allow list's verdict over one address; it follows later changes of the list by itself. */
  readonly permits: (address: string) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Rejects with `PORT_IN_USE` or `ADDRESS_INVALID`. The libp2p packages are loaded here, so that they cost nothing elsewhere. */
export async function openJsHost(given: JsHostOptions): Promise<Host> {
  for (const address of given.listen) requireTcp(address);
  const options = { ...given, bootstrap: given.bootstrap.filter((address) => isDialled(address, given.logger)) };
  const book = new AddressBook();
  const gate = new Gate(options.permits, (remote) => host.refused(remote));
  const swarm = await createSwarm({
    ...options,
    gater: gate.gater(),
    addressesOf: (peer) => book.get(peer),
    found: (found, source) => host.discovered(found, source),
  }).catch((error: unknown) => {
    throw listenFailure(error);
  });
  const host = new JsHost(options, swarm, gate, book);
  await host.start();
  return host;
}

class JsHost implements Host {
  readonly name = 'js';
  readonly peerId: PeerId;
  readonly kad: KadOperations;
  readonly #options: JsHostOptions;
  readonly #swarm: Swarm;
  readonly #node: Libp2p;
  readonly #gate: Gate;
  readonly #book: AddressBook;
  readonly #upkeep: Upkeep;
  readonly #gossip: JsGossip;
  readonly #topics: Topics;
  readonly #listeners: Partial<HostEvents>[] = [];
  #closing: Promise<void> | undefined;

  constructor(options: JsHostOptions, swarm: Swarm, gate: Gate, book: AddressBook) {
    this.#options = options;
    this.#swarm = swarm;
    this.#node = swarm.node;
    this.#gate = gate;
    this.#book = book;
    this.peerId = swarm.node.peerId.toString() as PeerId;
    this.kad = new JsKad({
      dht: swarm.dht,
      self: swarm.node.peerId,
      clock: options.clock,
      cidOf: swarm.cidOf,
      addressesOf: (peer) => book.get(peer),
      learned: (found) => this.discovered(found, 'dht'),
    });
    this.#upkeep = new Upkeep({
      host: this,
      bootstrap: options.bootstrap,
      dialLearned: (found) => this.#dialLearned(found),
      clock: options.clock,
      logger: options.logger,
    });
    this.#gossip = new JsGossip(swarm.gossip, (topic, from, data) => this.#topics.judge(topic, from, data));
    this.#topics = new Topics({ join: (topic) => this.#gossip.join(topic), leave: (topic) => this.#gossip.leave(topic), logger: options.logger });
    this.#node.addEventListener('connection:open', ({ detail }) => this.#connected(detail));
    this.#node.addEventListener('peer:disconnect', ({ detail }) => this.#emit((events) => events.disconnected?.(detail.toString() as PeerId)));
    this.#node.addEventListener('peer:identify', ({ detail }) =>
      this.discovered({ peer: detail.peerId.toString() as PeerId, multiaddrs: detail.listenAddrs.map(String) }, 'identify'),
    );
  }

  async start(): Promise<void> {
    try {
      await this.#node.start();
    } catch (error) {
      await this.#node.stop();
      throw listenFailure(error);
    }
    // Without an address that the library takes for public it would stay a client and keep nothing for others.
    await this.#swarm.dht.setMode('server', { force: true });
    this.#upkeep.start();
  }

  multiaddrs(): readonly string[] {
    return this.#node.getMultiaddrs().map(String);
  }

  connectedPeers(): readonly PeerId[] {
    return this.#node.getPeers().map((peer) => peer.toString() as PeerId);
  }

  async dial(multiaddr: string, timeoutMs: number = hostLimits.dialTimeoutMs): Promise<PeerId> {
    const address = requireTcp(multiaddr);
    return withDeadline(this.#options.clock, timeoutMs, async (signal) => {
      const resolved = await resolveNames(address);
      const target = formatMultiaddr(resolved);
      return this.#gate.asOperator(transportPart(resolved), async () => {
        const connection = await this.#attempt(multiaddr, signal, () => this.#node.dial(this.#address(target), { signal }));
        return connection.remotePeer.toString() as PeerId;
      });
    });
  }

  async disconnect(peer: PeerId): Promise<void> {
    await this.#node.hangUp(this.#id(peer));
  }

  addAddresses(peer: PeerId, multiaddrs: readonly string[]): void {
    if (this.#closing) return;
    const kept = this.#book.set(peer, multiaddrs);
    void this.#node
      .peerStore.merge(this.#id(peer), { multiaddrs: kept.map((text) => this.#address(text)) })
      .catch((error: unknown) => this.#options.logger.debug({ peer, error: String(error) }, 'address not kept'));
  }

  handle(protocol: string, handler: (stream: HostStream) => Promise<void>): void {
    const serve = (stream: Stream, connection: Connection): void =>
      serveStream(new JsHostStream(stream, connection.remotePeer.toString() as PeerId), handler, this.#options);
    const limits = { maxInboundStreams: hostLimits.streamsPerProtocol, maxOutboundStreams: hostLimits.streamsPerProtocol };
    void this.#node
      .handle(protocol, serve, { ...limits, force: true })
      .catch((error: unknown) => this.#options.logger.error({ protocol, error: String(error) }, 'protocol not served'));
  }

  async openStream(peer: PeerId, protocol: string, timeoutMs: number = hostLimits.dialTimeoutMs): Promise<HostStream> {
    return withDeadline(this.#options.clock, timeoutMs, async (signal) => {
      const stream = await this.#attempt(peer, signal, async () => {
        const target = this.#target(peer);
        return this.#node.dialProtocol(target, protocol, { signal, maxOutboundStreams: hostLimits.streamsPerProtocol });
      });
      return new JsHostStream(stream, peer);
    });
  }

  on(events: Partial<HostEvents>): void {
    this.#listeners.push(events);
  }

  setAllow(): void {
    // The list itself is behind `permits`; what it no longer lets in is disconnected.
    for (const connection of this.#node.getConnections()) {
      if (connection.direction === 'inbound' && !this.#gate.admits(connection.remoteAddr.toString())) {
        connection.abort(new Error('no longer on the allow list'));
      }
    }
  }

  pathTo(peer: PeerId): ConnectionPath | undefined {
    return this.#node.getConnections(this.#id(peer)).length > 0 ? 'direct' : undefined;
  }

  natReport(): NatReport {
    return noNat('the JavaScript host does not ask gateways');
  }

  subscribe(topic: string, onMessage: (from: PeerId, data: Uint8Array) => boolean): () => void {
    return this.#topics.subscribe(topic, onMessage);
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    checkMessage(topic, data);
    await this.#gossip.publish(topic, data);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([this.#upkeep.stop(), this.#node.stop()]);
    })();
    return this.#closing;
  }

  refused(remoteAddress: string): void {
    this.#emit((events) => events.refused?.(remoteAddress));
  }

  discovered(found: HostPeer, source: 'mdns' | 'identify' | 'dht'): void {
    if (this.#closing || parsePeerId(found.peer) === undefined) return;
    const multiaddrs = this.#book.set(found.peer, found.multiaddrs);
    if (multiaddrs.length === 0) return;
    const known = { peer: found.peer, multiaddrs };
    this.#emit((events) => events.discovered?.(known, source));
    if (source === 'mdns') this.#upkeep.found(known);
  }

  /** A connection that is there, else the addresses that are known; the library asks the DHT only if there are none. */
  #target(peer: PeerId): Libp2pPeerId | Multiaddr[] {
    const id = this.#id(peer);
    const known = this.#book.get(peer);
    if (this.#node.getConnections(id).length > 0 || known.length === 0) return id;
    return known.map((address) => this.#address(`${address}/p2p/${peer}`));
  }

  async #dialLearned(found: HostPeer): Promise<void> {
    await withDeadline(this.#options.clock, hostLimits.dialTimeoutMs, async (signal) => {
      await this.#node.dial(found.multiaddrs.map((address) => this.#address(`${address}/p2p/${found.peer}`)), { signal });
    });
  }

  async #attempt<T>(target: string, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (signal.aborted) throw new PangeaError('TIMEOUT', `no answer from ${target} in time`, { cause: error, data: { target } });
      throw dialFailure(error, target);
    }
  }

  #connected(connection: Connection): void {
    if (this.#node.getConnections(connection.remotePeer).length > 1) return;
    this.#emit((events) => events.connected?.(connection.remotePeer.toString() as PeerId, connection.remoteAddr.toString()));
  }

  #emit(tell: (events: Partial<HostEvents>) => void): void {
    for (const events of this.#listeners) tell(events);
  }

  #address(text: string): Multiaddr {
    return this.#swarm.parse(text);
  }

  #id(peer: PeerId): Libp2pPeerId {
    return this.#swarm.peerIdOf(peer);
  }
}

/** This backend knows one transport. */
function requireTcp(multiaddr: string): HostAddress {
  const address = parseMultiaddr(multiaddr);
  if (address?.transport === 'tcp' && address.relay === undefined) return address;
  throw new PangeaError('ADDRESS_INVALID', `'${multiaddr}' is no TCP multiaddr${address ? '; QUIC and circuits need the native host' : ''}`);
}

/** All nodes of a network are often given the same list, QUIC addresses among it. Nonsense is still `ADDRESS_INVALID`. */
function isDialled(bootstrap: string, logger: Logger): boolean {
  const address = parseMultiaddr(bootstrap);
  if (address === undefined || (address.transport === 'tcp' && address.relay === undefined)) return requireTcp(bootstrap) !== undefined;
  logger.warn({ bootstrap }, 'this host dials TCP alone: give the TCP address of the bootstrap node too');
  return false;
}

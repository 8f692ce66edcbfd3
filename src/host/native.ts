/** The swarm on rust-libp2p in the addon: some fifty times less CPU a look-up than the JavaScript one. */
import { PangeaError, asPangeaError, isPangeaError } from '../errors/errors.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Native } from '../native/native.ts';
import type { Clock } from '../std/std.ts';
import type { Logger } from '../telemetry/telemetry.ts';
import { formatMultiaddr, parseMultiaddr } from './addresses.ts';
import type { ConnectionPath, Host, HostEvents, HostOptions, HostPeer, HostStream, KadOperations, NatReport } from './host.ts';
import { hostLimits } from './limits.ts';
import { resolveNames } from './names.ts';
import { NativeKad } from './native/kad.ts';
import { NativeHostStream } from './native/stream.ts';
import { serveStream } from './serve.ts';
import { checkMessage, Topics } from './topics.ts';
import { Upkeep } from './upkeep.ts';

export interface NativeHostOptions extends HostOptions {
  readonly native: Native;
  readonly clock: Clock;
  readonly logger: Logger;
  /** QUIC on the socket that `shareQuic` gives later; `listen` then names no `/quic-v1` address. */
  readonly sharedQuic?: boolean;
}

/** A host whose QUIC can use the socket of the shard protocol. */
export interface NativeHost extends Host {
  /** Resolves when the host listens there. Once, with `sharedQuic` only: else `USAGE` or `INTERNAL`. */
  shareQuic(endpoint: InstanceType<Native['QuicEndpoint']>): Promise<void>;
}

type Swarm = InstanceType<Native['SwarmHost']>;
type SwarmEvent = Awaited<ReturnType<Swarm['nextEvents']>>[number];

/** Rejects with `PORT_IN_USE` or `ADDRESS_INVALID`. Where the system gives no multicast it runs without mDNS and says so. */
export async function openNativeHost(options: NativeHostOptions): Promise<NativeHost> {
  const { seed, listen, allow, mdns, agentVersion, sharedQuic = false } = options;
  for (const address of [...listen, ...options.bootstrap, ...(options.advertise ?? [])]) {
    if (!parseMultiaddr(address)) throw new PangeaError('ADDRESS_INVALID', `'${address}' is no TCP, QUIC or circuit multiaddr`);
  }
  const quic = listen.some((address) => parseMultiaddr(address)?.transport === 'quic');
  const advertise = [...(options.advertise ?? [])];
  const nat = options.nat ? { nat: { ...options.nat, relays: await directRelays(options) } } : {};
  const open = (withMdns: boolean): Promise<Swarm> =>
    options.native.SwarmHost.open({ seed, listen: [...listen], allow: [...allow], mdns: withMdns, agentVersion, advertise, quic, sharedQuic, ...nat }).catch(rethrow);
  const swarm = await open(mdns).catch((error: unknown) => {
    if (!mdns || !isPangeaError(error, 'NOT_SUPPORTED')) throw error;
    options.logger.warn({ error: error.message }, 'no mDNS here');
    return open(false);
  });
  return new Swarming(options, swarm);
}

/** With the addresses that their names have now; one that cannot be resolved is dialled as a bootstrap node later, and used then. */
async function directRelays({ nat, logger }: NativeHostOptions): Promise<string[]> {
  const found: string[] = [];
  for (const text of nat?.relays ?? []) {
    const address = parseMultiaddr(text);
    if (!address?.peer || address.relay) throw new PangeaError('ADDRESS_INVALID', `a relay is a direct address with /p2p/, not '${text}'`);
    try {
      found.push(formatMultiaddr(await resolveNames(address)));
    } catch (error) {
      logger.warn({ relay: text, error: String(error) }, 'the name of a relay has no address now');
    }
  }
  return found;
}

class Swarming implements NativeHost {
  readonly name = 'native';
  readonly peerId: PeerId;
  readonly kad: KadOperations;
  readonly #options: NativeHostOptions;
  readonly #swarm: Swarm;
  readonly #upkeep: Upkeep;
  readonly #topics: Topics;
  readonly #listeners: Partial<HostEvents>[] = [];
  readonly #handlers = new Map<string, (stream: HostStream) => Promise<void>>();
  readonly #pumping: Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(options: NativeHostOptions, swarm: Swarm) {
    this.#options = options;
    this.#swarm = swarm;
    this.peerId = swarm.peerId as PeerId;
    this.kad = new NativeKad(swarm, (found) => this.#emit((events) => events.discovered?.(found, 'dht')));
    this.#upkeep = new Upkeep({
      host: this,
      bootstrap: [...options.bootstrap, ...(options.nat?.relays ?? [])],
      dialLearned: ({ peer, multiaddrs }) => swarm.dialLearned(peer, [...multiaddrs], hostLimits.dialTimeoutMs).catch(rethrow),
      clock: options.clock,
      logger: options.logger,
    });
    const unheard = (topic: string) => (error: unknown): void => options.logger.warn({ topic, error: String(error) }, 'topic not joined');
    this.#topics = new Topics({
      join: (topic) => void swarm.subscribe(topic).catch(unheard(topic)),
      leave: (topic) => this.#post(() => swarm.unsubscribe(topic)),
      logger: options.logger,
    });
    this.#pumping = this.#pump();
    this.#upkeep.start();
  }

  multiaddrs(): readonly string[] {
    return this.#swarm.multiaddrs().map((address) => `${address}/p2p/${this.peerId}`);
  }

  connectedPeers(): readonly PeerId[] {
    return this.#swarm.connectedPeers() as PeerId[];
  }

  async dial(multiaddr: string, timeoutMs: number = hostLimits.dialTimeoutMs): Promise<PeerId> {
    const address = parseMultiaddr(multiaddr);
    if (!address) throw new PangeaError('ADDRESS_INVALID', `'${multiaddr}' is no TCP, QUIC or circuit multiaddr`);
    const resolved = formatMultiaddr(await resolveNames(address));
    return (await this.#swarm.dial(resolved, timeoutMs).catch(rethrow)) as PeerId;
  }

  async shareQuic(endpoint: InstanceType<Native['QuicEndpoint']>): Promise<void> {
    await this.#swarm.shareQuic(endpoint).catch(rethrow);
  }

  async disconnect(peer: PeerId): Promise<void> {
    await this.#swarm.disconnect(peer).catch(rethrow);
  }

  addAddresses(peer: PeerId, multiaddrs: readonly string[]): void {
    // Addresses are hints, and come again.
    this.#post(() => this.#swarm.addAddresses(peer, [...multiaddrs]));
  }

  handle(protocol: string, handler: (stream: HostStream) => Promise<void>): void {
    this.#handlers.set(protocol, handler);
    this.#swarm.serve(protocol);
  }

  async openStream(peer: PeerId, protocol: string, timeoutMs: number = hostLimits.dialTimeoutMs): Promise<HostStream> {
    const stream = await this.#swarm.openStream(peer, protocol, timeoutMs).catch(rethrow);
    return new NativeHostStream(this.#options.native, stream);
  }

  on(events: Partial<HostEvents>): void {
    this.#listeners.push(events);
  }

  setAllow(cidrs: readonly string[]): void {
    try {
      this.#swarm.setAllow([...cidrs]);
    } catch (error) {
      throw asPangeaError(error);
    }
  }

  pathTo(peer: PeerId): ConnectionPath | undefined {
    return this.#swarm.pathTo(peer) ?? undefined;
  }

  natReport(): NatReport {
    const report = this.#swarm.natReport();
    return { ...report, punches: report.punches.map((punch) => ({ ...punch, peer: punch.peer as PeerId })) };
  }

  subscribe(topic: string, onMessage: (from: PeerId, data: Uint8Array) => boolean): () => void {
    return this.#topics.subscribe(topic, onMessage);
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    checkMessage(topic, data);
    await this.#swarm.publish(topic, data).catch(rethrow);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([this.#upkeep.stop(), this.#swarm.close()]);
      await this.#pumping;
    })();
    return this.#closing;
  }

  async #pump(): Promise<void> {
    for (;;) {
      const batch = await this.#swarm.nextEvents();
      if (batch.length === 0) return;
      for (const event of batch) this.#dispatch(event);
    }
  }

  #dispatch(event: SwarmEvent): void {
    const peer = event.peer as PeerId;
    const addresses = event.addresses ?? [];
    switch (event.kind) {
      case 'connected':
        return this.#emit((events) => events.connected?.(peer, addresses[0] ?? ''));
      case 'disconnected':
        return this.#emit((events) => events.disconnected?.(peer));
      case 'refused':
        return this.#emit((events) => events.refused?.(addresses[0] ?? ''));
      case 'mdns':
      case 'identify':
        return this.#discovered({ peer, multiaddrs: addresses }, event.kind);
      case 'record':
        return this.#judge(event);
      case 'gossip':
        return this.#hear(event);
      case 'path':
        return this.#emit((events) => events.path?.(peer, event.path ?? 'direct', addresses[0] ?? ''));
      case 'stream':
        return this.#serve(event);
    }
  }

  #discovered(found: HostPeer, source: 'mdns' | 'identify'): void {
    this.#emit((events) => events.discovered?.(found, source));
    if (source === 'mdns') this.#upkeep.found(found);
  }

  #judge({ id, key, value, held }: SwarmEvent): void {
    if (id === undefined || key === undefined || value === undefined || this.#closing) return;
    let accept = false;
    try {
      accept = this.#options.acceptRecord(key, value, held);
    } catch (error) {
      this.#options.logger.error({ error: String(error) }, 'the record validator threw; the record is dropped');
    }
    this.#post(() => this.#swarm.recordVerdict(id, accept));
  }

  #hear({ id, topic, peer, value }: SwarmEvent): void {
    if (id === undefined || topic === undefined || value === undefined || this.#closing) return;
    const valid = this.#topics.judge(topic, peer as PeerId, value);
    this.#post(() => this.#swarm.gossipVerdict(id, valid));
  }

  /** For what the swarm may refuse while it closes or is overloaded, and what nobody waits for. */
  #post(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#options.logger.debug({ error: String(error) }, 'the swarm does not take it');
    }
  }

  #serve({ stream }: SwarmEvent): void {
    if (!stream) return;
    const inbound = new NativeHostStream(this.#options.native, stream);
    const handler = this.#handlers.get(inbound.protocol);
    if (handler && !this.#closing) serveStream(inbound, handler, this.#options);
    else inbound.reset();
  }

  #emit(tell: (events: Partial<HostEvents>) => void): void {
    for (const events of this.#listeners) tell(events);
  }
}

function rethrow(error: unknown): never {
  throw asPangeaError(error);
}

/** Meeting, leaving and measuring peers by label, for clients of the existing network. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { LinkQuality, PeerView } from '../api/api.ts';
import { PangeaError, asPangeaError } from '../errors/errors.ts';
import type { Firewall } from '../firewall/firewall.ts';
import type { Host } from '../host/host.ts';
import { parsePeerId, type PeerId } from '../ids/ids.ts';
import type { PeerRecord, PeerRegistry } from '../peers/peers.ts';
import type { Clock } from '../std/std.ts';
import type { Transport } from '../transport/transport.ts';
import { mayDial } from './admission.ts';
import type { Labels } from './mixed-labels.ts';

const attemptMs = 5_000;
/** Head start of each way to dial over the next. */
const staggerMs = 400;
/** Addresses of one name that are tried. */
const addressesTried = 4;
const longestName = 253;
/** Peers that are asked whether they carry a label. */
const askedPerLabel = 4;
/** Peers that mDNS found; the oldest makes room. */
const rememberedFinds = 256;

export interface LinksParts {
  readonly host: Host;
  readonly transport: Transport;
  readonly hasQuic: boolean;
  readonly peers: PeerRegistry;
  readonly firewall: Firewall;
  readonly isPrivate: boolean;
  readonly labels: Labels;
  readonly view: (record: PeerRecord) => PeerView;
  /** Who claims the label in the DHT, and where to find them. */
  readonly claimants: (label: number) => Promise<readonly { readonly peer: PeerId; readonly multiaddrs: readonly string[] }[]>;
  readonly clock: Clock;
}

export class Links {
  readonly #parts: LinksParts;
  readonly #found = new Map<PeerId, { readonly multiaddrs: readonly string[]; readonly discoveredMs: number }>();

  constructor(parts: LinksParts) {
    this.#parts = parts;
    parts.host.on({
      discovered: ({ peer, multiaddrs }, source) => {
        if (source !== 'mdns') return;
        this.#found.delete(peer);
        this.#found.set(peer, { multiaddrs, discoveredMs: parts.clock.nowMs() });
        const [oldest] = this.#found.keys();
        if (this.#found.size > rememberedFinds && oldest !== undefined) this.#found.delete(oldest);
      },
    });
  }

  /** Throws `DIAL_REFUSED` for a target that the dial policy keeps out, `PEER_MISMATCH`, `PEER_UNREACHABLE`. */
  async connect(label: number, name: string, port: number): Promise<LinkQuality> {
    if (!Number.isInteger(port) || port < 1 || port > 65_535 || name === '' || name.length > longestName) {
      throw new PangeaError('ADDRESS_INVALID', 'expected a host and a port from 1 to 65535');
    }
    const { transport, hasQuic, labels, peers, clock } = this.#parts;
    const known = new Set(transport.connectedPeers());
    const addresses = await this.#permitted(name, port);
    const startedMs = clock.monotonicMs();
    const ways = addresses.flatMap((ip) => {
      const family = isIP(ip) === 6 ? 'ip6' : 'ip4';
      return [
        ...(hasQuic ? [() => transport.connect(isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`, { timeoutMs: attemptMs })] : []),
        () => this.#overLibp2p(`/${family}/${ip}/tcp/${port}`),
        () => this.#overLibp2p(`/${family}/${ip}/udp/${port}/quic-v1`),
      ];
    });
    const peer = await this.#first(ways, `${name}:${port}`);
    const said = peers.get(peer)?.label;
    if (label !== 0 && said !== undefined && said !== label) {
      if (!known.has(peer)) await this.#leave(peer);
      throw new PangeaError('PEER_MISMATCH', `${name}:${port} is the node ${said} and not ${label}`, { data: { expected: label, found: said } });
    }
    if (label !== 0 && said === undefined) labels.give(label, peer);
    return this.#measured(peer, clock.monotonicMs() - startedMs);
  }

  async disconnect(label: number): Promise<void> {
    await this.#leave(this.#parts.labels.peerOf(label));
  }

  /** The peer with this label, looked for in the DHT when none is known: there it is a claim, which the peer's own hello has to bear out. Throws `NOT_FOUND`. */
  async find(label: number): Promise<PeerId> {
    const { labels, claimants, firewall, host, transport } = this.#parts;
    try {
      return labels.peerOf(label);
    } catch (unknown) {
      const found = (await claimants(label).catch(() => [])).filter(({ peer }) => peer !== host.peerId).slice(0, askedPerLabel);
      await Promise.all(found.map(async ({ peer, multiaddrs }) => {
        const permitted = multiaddrs.filter((address) => mayDial(firewall, address));
        if (permitted.length === 0 || this.#parts.peers.get(peer)?.lastSeenMs !== undefined) return;
        transport.setAddresses(peer, permitted);
        const reply = await transport.request<'ping'>(peer, { type: 'ping' }, { timeoutMs: attemptMs }).catch(() => undefined);
        if (reply?.status === 0) reply.body.release();
      }));
      if (found.length === 0) throw unknown;
      return labels.peerOf(label);
    }
  }

  /** Peers with this node's protocol, and those that libp2p alone connects. */
  connected(): readonly PeerView[] {
    const { host, peers, labels, view } = this.#parts;
    const known = peers.list().filter((record) => record.connected).map(view);
    const seen = new Set(known.map(({ peer }) => peer));
    const others = host.connectedPeers().filter((peer) => !seen.has(peer));
    return [...known, ...others.map((peer) => this.#stranger(peer, labels.labelOf(peer)))];
  }

  async quality(label: number): Promise<LinkQuality> {
    const { host } = this.#parts;
    const peer = await this.find(label);
    if (peer === host.peerId) return { latencyMs: 0, jitterMs: 0, packetLoss: 0 };
    return this.#measured(peer, 0);
  }

  discovered(): readonly { readonly peer: PeerId; readonly multiaddrs: readonly string[]; readonly discoveredMs: number }[] {
    return [...this.#found].map(([peer, found]) => ({ peer, ...found }));
  }

  /** Throws `NOT_FOUND` for a peer that mDNS did not find. */
  async connectDiscovered(text: string): Promise<void> {
    const peer = parsePeerId(text);
    const found = peer && this.#found.get(peer);
    if (peer === undefined || found === undefined) throw new PangeaError('NOT_FOUND', 'mDNS found no such peer');
    const { firewall } = this.#parts;
    const permitted = found.multiaddrs.filter((address) => mayDial(firewall, address));
    if (permitted.length === 0) throw new PangeaError('DIAL_REFUSED', `the allowlist permits none of the addresses of ${peer}`);
    await this.#first(permitted.map((address) => () => this.#overLibp2p(address.includes('/p2p/') ? address : `${address}/p2p/${peer}`)), peer);
  }

  /** Names are looked up here, so that the policy sees where they lead. */
  async #permitted(name: string, port: number): Promise<readonly string[]> {
    const { firewall } = this.#parts;
    const found = isIP(name) !== 0 ? [name] : (await lookup(name, { all: true }).catch((cause: unknown) => {
      throw new PangeaError('PEER_UNREACHABLE', `the name ${name} has no address`, { cause });
    })).map(({ address }) => address);
    const permitted = found.filter((ip) => mayDial(firewall, isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`)).slice(0, addressesTried);
    if (permitted.length === 0) throw new PangeaError('DIAL_REFUSED', `${name} is an address of this machine or its network, and not in the allowlist`);
    return permitted;
  }

  async #overLibp2p(address: string): Promise<PeerId> {
    const { host, transport, isPrivate } = this.#parts;
    const peer = await host.dial(address, attemptMs);
    try {
      const reply = await transport.request<'ping'>(peer, { type: 'ping' }, { timeoutMs: attemptMs });
      if (reply.status === 0) reply.body.release();
    } catch (error) {
      // A peer of the mixed network does not speak the shard protocol. In a private one that is no member.
      if (isPrivate) throw error;
    }
    return peer;
  }

  async #first(ways: readonly (() => Promise<PeerId>)[], target: string): Promise<PeerId> {
    const won = new AbortController();
    try {
      return await Promise.any(ways.map(async (dial, place) => {
        if (place > 0) await this.#parts.clock.sleep(place * staggerMs, won.signal);
        return dial();
      }));
    } catch (error) {
      const [first] = error instanceof AggregateError ? error.errors as unknown[] : [error];
      throw new PangeaError('PEER_UNREACHABLE', `${target} cannot be reached: ${asPangeaError(first).message}`, { cause: first });
    } finally {
      won.abort();
    }
  }

  async #measured(peer: PeerId, dialMs: number): Promise<LinkQuality> {
    const { peers, transport, clock } = this.#parts;
    if (peers.get(peer)?.latencyMs === undefined && transport.connectedPeers().includes(peer)) {
      const startedMs = clock.monotonicMs();
      const reply = await transport.request<'ping'>(peer, { type: 'ping' }, { timeoutMs: attemptMs });
      if (reply.status === 0) reply.body.release();
      peers.observeLatency(peer, clock.monotonicMs() - startedMs);
    }
    const record = peers.get(peer);
    return { latencyMs: record?.latencyMs ?? dialMs, jitterMs: record?.jitterMs ?? 0, packetLoss: record?.packetLoss ?? 0 };
  }

  async #leave(peer: PeerId): Promise<void> {
    const { transport, host } = this.#parts;
    await transport.disconnect(peer);
    await host.disconnect(peer);
  }

  #stranger(peer: PeerId, label: number | undefined): PeerView {
    return {
      peer, label, status: 'purgatory', latencyMs: undefined, jitterMs: undefined, packetLoss: undefined, threatScore: 0, health: undefined,
      lastSeenMs: undefined, connected: true, quicAddresses: [], multiaddrs: [], storing: false, freeBytes: undefined, failureDomain: '',
      version: undefined, ambiguousLabel: false, path: this.#parts.host.pathTo(peer),
    };
  }
}

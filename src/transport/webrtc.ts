/**
 * The last resort through a NAT: WebRTC data channels, where hole punching of libp2p failed and the operator named a STUN
 * or TURN server. A peer that is reached over a relay for some seconds gets a link; when a direct way is found it is closed.
 * The peer with the smaller PeerId offers, so that two do not meet half-way. No server is asked that was not configured.
 * Why it is as it is: `docs/internals/webrtc.md`; bytes: `schema/webrtc.md`.
 */
import type { TransportPolicy } from 'node-datachannel';
import { PangeaError, asPangeaError } from '../errors/errors.ts';
import type { Host } from '../host/host.ts';
import type { PeerId } from '../ids/ids.ts';
import type { Timer } from '../std/std.ts';
import { Libp2pTransport, type Libp2pTransportOptions } from './libp2p.ts';
import type { Transport } from './transport.ts';
import { parseIceServer } from './webrtc/ice.ts';
import { loadLibrary } from './webrtc/library.ts';
import { Links } from './webrtc/links.ts';

export interface WebrtcTransportOptions extends Omit<Libp2pTransportOptions, 'host' | 'name'> {
  readonly host: Pick<Host, 'peerId' | 'handle' | 'openStream' | 'pathTo' | 'on' | 'connectedPeers'>;
  /** `stun:HOST:PORT`, `turn:USER:PASSWORD@HOST:PORT`. */
  readonly iceServers: readonly string[];
  /** Whether an address that a peer named may be tried: the dial policy. */
  readonly permits: (address: string) => boolean;
  /** Of one's own end; absent for any. */
  readonly bindAddress?: string;
  /** `relay` takes TURN servers alone. */
  readonly policy?: TransportPolicy;
  /** From the first signal to an open channel. */
  readonly connectMs?: number;
  /** How long hole punching may try before a link is made. */
  readonly upgradeAfterMs?: number;
}

export interface WebrtcTransport extends Transport {
  /** `punched`, or `relayed` when a TURN server carries it; `undefined` without a link. */
  pathTo(peer: PeerId): 'punched' | 'relayed' | undefined;
  /** Makes a link now. Throws `PEER_UNREACHABLE`, `PEER_BUSY`, `PROTOCOL`, `TIMEOUT`. */
  establish(peer: PeerId): Promise<void>;
}

/** A punch takes libp2p some seconds, and three tries. */
const defaultUpgradeAfterMs = 10_000;
const defaultConnectMs = 20_000;
const retryFirstMs = 60_000;
const retryMostMs = 30 * 60_000;

/** Throws `NOT_SUPPORTED` where the library cannot be loaded, `CONFIG_INVALID` for a server that cannot be read. */
export async function openWebrtcTransport(options: WebrtcTransportOptions): Promise<WebrtcTransport> {
  const iceServers = options.iceServers.map(parseIceServer);
  const load = await loadLibrary();
  if (!load.ok) throw new PangeaError('NOT_SUPPORTED', `no WebRTC here: ${load.reason}`);
  const { host, permits, bindAddress, clock, logger, policy = 'all', connectMs = defaultConnectMs } = options;
  const links = new Links({ host, library: load.library, iceServers, policy, bindAddress, connectMs, permits, clock, logger });
  return new Webrtc(options, links);
}

class Webrtc extends Libp2pTransport implements WebrtcTransport {
  readonly #webrtc: WebrtcTransportOptions;
  readonly #links: Links;
  readonly #pending = new Map<PeerId, Timer>();
  readonly #failures = new Map<PeerId, number>();
  #stopped = false;

  constructor(options: WebrtcTransportOptions, links: Links) {
    super({ ...options, host: links, name: 'webrtc' });
    this.#webrtc = options;
    this.#links = links;
    const look = (peer: PeerId): void => this.#look(peer);
    options.host.on({
      connected: look, path: look,
      disconnected: (peer) => {
        this.#cancel(peer);
        this.#failures.delete(peer);
      },
    });
    for (const peer of options.host.connectedPeers()) look(peer);
  }

  pathTo(peer: PeerId): 'punched' | 'relayed' | undefined {
    const link = this.#links.link(peer);
    return link === undefined ? undefined : link.route().relayed ? 'relayed' : 'punched';
  }

  establish(peer: PeerId): Promise<void> {
    return this.#links.establish(peer);
  }

  override async close(deadlineMs: number): Promise<void> {
    this.#stopped = true;
    for (const peer of this.#pending.keys()) this.#cancel(peer);
    await super.close(deadlineMs);
    await this.#links.close();
  }

  #look(peer: PeerId): void {
    this.#cancel(peer);
    if (this.#webrtc.host.pathTo(peer) !== 'relayed') {
      void this.#links.disconnect(peer);
      return;
    }
    if (this.#stopped || this.localPeer > peer || this.#links.link(peer) !== undefined) return;
    const failures = this.#failures.get(peer) ?? 0;
    const waitMs = failures === 0 ? this.#webrtc.upgradeAfterMs ?? defaultUpgradeAfterMs : Math.min(retryFirstMs * 2 ** (failures - 1), retryMostMs);
    this.#pending.set(peer, this.#webrtc.clock.after(waitMs, () => void this.#upgrade(peer)));
  }

  async #upgrade(peer: PeerId): Promise<void> {
    this.#pending.delete(peer);
    if (this.#stopped || this.#webrtc.host.pathTo(peer) !== 'relayed') return;
    try {
      await this.#links.establish(peer);
      this.#failures.delete(peer);
    } catch (error) {
      this.#webrtc.logger.debug({ peer, error: asPangeaError(error).message }, 'no data channel to a peer behind a relay');
      this.#failures.set(peer, (this.#failures.get(peer) ?? 0) + 1);
      this.#look(peer);
    }
  }

  #cancel(peer: PeerId): void {
    this.#pending.get(peer)?.cancel();
    this.#pending.delete(peer);
  }
}
